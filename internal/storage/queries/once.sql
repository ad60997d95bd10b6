-- name: RememberOnce :execrows
-- No row changed means the key is known; the stored one is read next, which
-- under READ COMMITTED sees what the winner committed.
INSERT INTO once (city, key, body, ref, at_us) VALUES (@city, @key, @body, @ref, @at_us)
ON CONFLICT (city, key) DO NOTHING;

-- name: Once :one
SELECT city, key, body, ref, at_us FROM once WHERE city = @city AND key = @key;

-- name: SweepOnce :execrows
DELETE FROM once
WHERE (city, key) IN (SELECT o.city, o.key FROM once o WHERE o.at_us < @before_us ORDER BY o.at_us LIMIT @max_rows);

-- name: Guard :one
-- Locked in a writing transaction: it is read to be counted up.
SELECT city, kind, tag, sent, count, good, fails, since_us
FROM guard
WHERE city = @city AND kind = @kind AND tag = @tag /* lock */;

-- name: PutGuard :exec
INSERT INTO guard (city, kind, tag, sent, count, good, fails, since_us)
VALUES (@city, @kind, @tag, @sent, @count, @good, @fails, @since_us)
ON CONFLICT (city, kind, tag) DO UPDATE SET sent = excluded.sent, count = excluded.count, good = excluded.good,
	fails = excluded.fails, since_us = excluded.since_us;
