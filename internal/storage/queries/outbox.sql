-- name: ClaimOutbox :many
-- The lease is the due time itself, moved to when the claim lapses: a worker
-- that dies gives its messages back by doing nothing. attempts is the fence: a
-- late worker that was overtaken finds another number and changes nothing. (On
-- PostgreSQL the inner SELECT skips locked rows; without that two workers
-- deadlock at once. The dialect adds the clause where the marker stands.)
UPDATE outbox SET attempts = attempts + 1, due_us = @lease_us
WHERE (city, id) IN (
	SELECT o.city, o.id FROM outbox o
	WHERE o.state = 0 AND o.class = @class AND o.due_us <= @now_us
	ORDER BY o.due_us
	LIMIT @max_rows /* skip locked */
)
RETURNING city, id, class, state, sealed, due_us, expires_us, attempts, reference, error, done_us;

-- name: FinishOutbox :execrows
-- The payload goes as soon as it is of no more use, whatever became of it.
UPDATE outbox SET state = @state, sealed = @empty, reference = @reference, error = @error, done_us = @done_us
WHERE city = @city AND id = @id AND state = 0 AND attempts = @attempts;

-- name: RetryOutbox :execrows
UPDATE outbox SET due_us = @due_us, error = @error
WHERE city = @city AND id = @id AND state = 0 AND attempts = @attempts;

-- name: OutboxDepth :many
SELECT class, COUNT(*) AS waiting, CAST(MIN(due_us) AS BIGINT) AS oldest_us
FROM outbox
WHERE state = 0
GROUP BY class
ORDER BY class;

-- name: OutboxMessage :one
SELECT city, id, class, state, sealed, due_us, expires_us, attempts, reference, error, done_us
FROM outbox
WHERE city = @city AND id = @id;

-- name: SweepOutbox :execrows
DELETE FROM outbox
WHERE (city, id) IN (
	SELECT o.city, o.id FROM outbox o
	WHERE o.done_us IS NOT NULL AND o.done_us < @before_us
	ORDER BY o.done_us
	LIMIT @max_rows
);

-- name: EndWaiting :exec
-- After a restore: most of what waited when the copy was taken was sent since.
UPDATE outbox SET state = 3, sealed = @empty, error = @cause, done_us = @now_us WHERE state = 0;
