-- name: PutCard :exec
INSERT INTO card (city, tag, scheme, idx, last4, class, stop_until, changed_us)
VALUES (@city, @tag, @scheme, @idx, @last4, @class, @stop_until, @changed_us)
ON CONFLICT (city, tag) DO UPDATE SET scheme = excluded.scheme, idx = excluded.idx, last4 = excluded.last4,
	class = excluded.class, stop_until = excluded.stop_until, changed_us = excluded.changed_us;

-- name: Card :one
-- Locked in a writing transaction, for class and stop follow from reasons that
-- another one may be changing.
SELECT city, tag, scheme, idx, last4, class, stop_until, changed_us
FROM card
WHERE city = @city AND tag = @tag /* lock */;

-- name: CardsChanged :many
-- Keyset paging: the publisher goes on behind the last row it has read, so a
-- page costs the same however far along it is.
SELECT city, tag, scheme, idx, last4, class, stop_until, changed_us
FROM card
WHERE city = @city AND changed_us >= @since_us AND (changed_us > @since_us OR tag > @after)
ORDER BY changed_us, tag
LIMIT @max_rows;

-- name: PutReason :exec
INSERT INTO card_reason (city, tag, kind, since_us, until_day, provenance)
VALUES (@city, @tag, @kind, @since_us, @until_day, @provenance)
ON CONFLICT (city, tag, kind) DO UPDATE SET since_us = excluded.since_us, until_day = excluded.until_day,
	provenance = excluded.provenance;

-- name: DropReason :execrows
DELETE FROM card_reason WHERE city = @city AND tag = @tag AND kind = @kind;

-- name: Reasons :many
SELECT kind, since_us, until_day, provenance
FROM card_reason
WHERE city = @city AND tag = @tag
ORDER BY kind;

-- name: NextCounter :one
-- A counter row is changed under its lock, so two writers never get one number.
INSERT INTO counter (city, name, value) VALUES (@city, @name, @first)
ON CONFLICT (city, name) DO UPDATE SET value = counter.value + 1
RETURNING value;
