-- name: InsertAPIKey :exec
INSERT INTO api_key (city, hash, id, name, scopes, centres, rate, made_by, made_us, used_us, revoked_us)
VALUES (@city, @hash, @id, @name, @scopes, @centres, @rate, @made_by, @made_us, @used_us, @revoked_us);

-- name: APIKeyByHash :one
SELECT city, hash, id, name, scopes, centres, rate, made_by, made_us, used_us, revoked_us
FROM api_key
WHERE city = @city AND hash = @hash;

-- name: APIKeys :many
-- A tenant has a handful, revoked ones with them: the page shows who could.
SELECT city, hash, id, name, scopes, centres, rate, made_by, made_us, used_us, revoked_us
FROM api_key
WHERE city = @city AND id > @after
ORDER BY id
LIMIT @max_rows;

-- name: TouchAPIKey :execrows
UPDATE api_key SET used_us = @used_us WHERE city = @city AND hash = @hash;

-- name: RevokeAPIKey :execrows
UPDATE api_key SET revoked_us = @revoked_us WHERE city = @city AND id = @id AND revoked_us IS NULL;

-- name: InsertFeed :exec
INSERT INTO calendar_feed (city, hash, id, account, centre, lang, made_us, used_us, revoked_us)
VALUES (@city, @hash, @id, @account, @centre, @lang, @made_us, @used_us, @revoked_us);

-- name: FeedByHash :one
SELECT city, hash, id, account, centre, lang, made_us, used_us, revoked_us
FROM calendar_feed
WHERE city = @city AND hash = @hash;

-- name: Feeds :many
SELECT city, hash, id, account, centre, lang, made_us, used_us, revoked_us
FROM calendar_feed
WHERE city = @city AND account = @account
ORDER BY id
LIMIT @max_rows;

-- name: TouchFeed :execrows
UPDATE calendar_feed SET used_us = @used_us WHERE city = @city AND hash = @hash;

-- name: RevokeFeed :execrows
-- Only by the account it was made for.
UPDATE calendar_feed SET revoked_us = @revoked_us
WHERE city = @city AND id = @id AND account = @account AND revoked_us IS NULL;

-- name: PutHookEndpoint :exec
INSERT INTO hook_endpoint (city, id, name, url, kinds, state, key, sealed, made_by, made_us, failing_us, good_us)
VALUES (@city, @id, @name, @url, @kinds, @state, @key, @sealed, @made_by, @made_us, @failing_us, @good_us)
ON CONFLICT (city, id) DO UPDATE SET name = excluded.name, url = excluded.url, kinds = excluded.kinds,
	state = excluded.state, key = excluded.key, sealed = excluded.sealed, failing_us = excluded.failing_us,
	good_us = excluded.good_us;

-- name: HookEndpoint :one
SELECT city, id, name, url, kinds, state, key, sealed, made_by, made_us, failing_us, good_us
FROM hook_endpoint
WHERE city = @city AND id = @id /* lock */;

-- name: HookEndpoints :many
-- All that were not taken away: state 1 is told, 2 and 3 are off.
SELECT city, id, name, url, kinds, state, key, sealed, made_by, made_us, failing_us, good_us
FROM hook_endpoint
WHERE city = @city AND state < 4
ORDER BY state, id;

-- name: LastHookEvent :one
-- The subject's row (its visit, its day) is held by whoever writes an event, so
-- the next number is nobody else's.
SELECT CAST(COALESCE(MAX(n), 0) AS BIGINT) AS n FROM hook_event WHERE city = @city AND subject = @subject;

-- name: InsertHookEvent :exec
INSERT INTO hook_event (city, id, kind, subject, n, body, at_us)
VALUES (@city, @id, @kind, @subject, @n, @body, @at_us);

-- name: HookEvent :one
SELECT city, id, kind, subject, n, body, at_us FROM hook_event WHERE city = @city AND id = @id;

-- name: HookEventsSince :many
SELECT city, id, kind, subject, n, body, at_us
FROM hook_event
WHERE city = @city AND at_us >= @since_us AND (at_us > @since_us OR id > @after)
ORDER BY at_us, id
LIMIT @max_rows;

-- name: PutDelivery :exec
-- Over one that was made before: a replay begins again.
INSERT INTO hook_delivery (city, endpoint, event, subject, n, state, attempts, due_us, made_us, done_us, status, took_us, error)
VALUES (@city, @endpoint, @event, @subject, @n, 0, 0, @due_us, @made_us, NULL, 0, 0, '')
ON CONFLICT (city, endpoint, event) DO UPDATE SET state = 0, attempts = 0, due_us = excluded.due_us,
	made_us = excluded.made_us, done_us = NULL, status = 0, took_us = 0, error = '';

-- name: ClaimDeliveries :many
-- As the outbox: the lease is the due time, attempts the fence. The first of a
-- subject that waits goes alone; what came after it to the same endpoint stays
-- until it has ended.
UPDATE hook_delivery SET attempts = attempts + 1, due_us = @lease_us
WHERE (city, endpoint, event) IN (
	SELECT d.city, d.endpoint, d.event FROM hook_delivery d
	WHERE d.state = 0 AND d.due_us <= @now_us AND NOT EXISTS (
		SELECT 1 FROM hook_delivery b
		WHERE b.city = d.city AND b.endpoint = d.endpoint AND b.subject = d.subject AND b.state = 0 AND b.n < d.n)
	ORDER BY d.due_us
	LIMIT @max_rows /* skip locked */
)
RETURNING city, endpoint, event, subject, n, state, attempts, due_us, made_us, done_us, status, took_us, error;

-- name: EndDelivery :execrows
UPDATE hook_delivery SET state = @state, done_us = @done_us, status = @status, took_us = @took_us, error = @error
WHERE city = @city AND endpoint = @endpoint AND event = @event AND state = 0 AND attempts = @attempts;

-- name: RetryDelivery :execrows
UPDATE hook_delivery SET due_us = @due_us, status = @status, took_us = @took_us, error = @error
WHERE city = @city AND endpoint = @endpoint AND event = @event AND state = 0 AND attempts = @attempts;

-- name: EndEndpointDeliveries :execrows
-- An endpoint that is off or gone is owed nothing; a replay brings it back.
UPDATE hook_delivery SET state = @state, done_us = @done_us, error = @error
WHERE city = @city AND endpoint = @endpoint AND state = 0;

-- name: Deliveries :many
-- Newest first: event ids rise with the time.
SELECT d.city, d.endpoint, d.event, d.subject, d.n, d.state, d.attempts, d.due_us, d.made_us, d.done_us, d.status,
	d.took_us, d.error, e.kind, e.at_us
FROM hook_delivery d
JOIN hook_event e ON e.city = d.city AND e.id = d.event
WHERE d.city = @city AND d.endpoint = @endpoint AND d.event < @before
ORDER BY d.event DESC
LIMIT @max_rows;

-- name: SweepHookEvents :execrows
DELETE FROM hook_event
WHERE (city, id) IN (SELECT o.city, o.id FROM hook_event o WHERE o.at_us < @before_us ORDER BY o.at_us LIMIT @max_rows);

-- name: SweepDeliveries :execrows
DELETE FROM hook_delivery
WHERE (city, endpoint, event) IN (
	SELECT o.city, o.endpoint, o.event FROM hook_delivery o
	WHERE o.made_us < @before_us AND o.state > 0
	ORDER BY o.made_us LIMIT @max_rows
);
