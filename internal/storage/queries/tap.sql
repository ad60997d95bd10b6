-- name: InsertTapToken :execrows
INSERT INTO tap_token (city, hash, name, stop, mode, province, made_us, expires_us)
VALUES (@city, @hash, @name, @stop, @mode, @province, @made_us, @expires_us)
ON CONFLICT DO NOTHING;

-- name: TapToken :one
-- Locked in a writing transaction: two devices with one token must not both be
-- the first.
SELECT city, hash, name, stop, mode, province, made_us, expires_us, used_us, device
FROM tap_token
WHERE city = @city AND hash = @hash /* lock */;

-- name: UseTapToken :execrows
UPDATE tap_token SET used_us = @used_us, device = @device
WHERE city = @city AND hash = @hash AND used_us IS NULL;

-- name: SweepTapTokens :execrows
DELETE FROM tap_token
WHERE (city, hash) IN (
	SELECT t.city, t.hash FROM tap_token t
	WHERE t.expires_us < @before_us
	ORDER BY t.expires_us
	LIMIT @max_rows
);

-- name: PutTapDevice :exec
-- A device that enrols anew keeps what was held against it: a revocation is not
-- undone by a token.
INSERT INTO tap_device (city, id, key, seal_key, name, stop, mode, province, enrolled_us, revoked_us, forks, seen_us, list,
	list_issued_us, waiting, dropped, program)
VALUES (@city, @id, @key, @seal_key, @name, @stop, @mode, @province, @enrolled_us, NULL, 0, @enrolled_us, 0, 0, 0, 0, '')
ON CONFLICT (city, id) DO UPDATE SET seal_key = excluded.seal_key, name = excluded.name, stop = excluded.stop,
	mode = excluded.mode, province = excluded.province, enrolled_us = excluded.enrolled_us;

-- name: TapDevice :one
SELECT city, id, key, seal_key, name, stop, mode, province, enrolled_us, revoked_us, forks, seen_us, list, list_issued_us,
	waiting, dropped, program
FROM tap_device
WHERE city = @city AND id = @id /* lock */;

-- name: TapDevices :many
-- Keyset paging through a city's devices.
SELECT city, id, key, seal_key, name, stop, mode, province, enrolled_us, revoked_us, forks, seen_us, list, list_issued_us,
	waiting, dropped, program
FROM tap_device
WHERE city = @city AND id > @behind
ORDER BY id
LIMIT @max_rows;

-- name: RevokeTapDevice :execrows
UPDATE tap_device SET revoked_us = @revoked_us
WHERE city = @city AND id = @id AND revoked_us IS NULL;

-- name: NoteTapFork :exec
UPDATE tap_device SET forks = forks + 1 WHERE city = @city AND id = @id;

-- name: NoteTapStatus :execrows
-- Reports may come out of order: what only rises never falls, and the newest
-- word stands for the rest.
UPDATE tap_device SET
	waiting = CASE WHEN @seen_us >= seen_us THEN CAST(@waiting AS BIGINT) ELSE waiting END,
	program = CASE WHEN @seen_us >= seen_us THEN CAST(@program AS TEXT) ELSE program END,
	dropped = CASE WHEN CAST(@dropped AS BIGINT) > dropped THEN CAST(@dropped AS BIGINT) ELSE dropped END,
	list = CASE WHEN CAST(@list AS BIGINT) > list THEN CAST(@list AS BIGINT) ELSE list END,
	list_issued_us = CASE WHEN CAST(@list_issued_us AS BIGINT) > list_issued_us THEN CAST(@list_issued_us AS BIGINT) ELSE list_issued_us END,
	seen_us = CASE WHEN @seen_us > seen_us THEN CAST(@seen_us AS BIGINT) ELSE seen_us END
WHERE city = @city AND id = @id;

-- name: TapStanding :one
-- What a batch is judged by. The boot is not there before its first batch.
SELECT d.key, d.revoked_us, CAST(COALESCE(b.floor, 0) AS BIGINT) AS floor
FROM tap_device d
LEFT JOIN tap_boot b ON b.city = d.city AND b.device = d.id AND b.boot = @boot
WHERE d.city = @city AND d.id = @id;

-- name: TapRevision :one
-- Rises with every revocation and every receipt forgotten, so that what a
-- server remembers of a device is known to hold without reading it again.
SELECT value FROM counter WHERE city = @city AND name = 'tap.revision';

-- name: TapReceipt :one
SELECT city, device, boot, sequence, digest, follows, received_us
FROM tap_receipt
WHERE city = @city AND device = @device AND boot = @boot AND sequence = @sequence;

-- name: InsertTapReceipt :execrows
INSERT INTO tap_receipt (city, device, boot, sequence, digest, follows, received_us)
VALUES (@city, @device, @boot, @sequence, @digest, @follows, @received_us)
ON CONFLICT DO NOTHING;

-- name: TapReceiptsFrom :many
SELECT city, device, boot, sequence, digest, follows, received_us
FROM tap_receipt
WHERE city = @city AND device = @device AND boot = @boot AND sequence > @behind
ORDER BY sequence
LIMIT @max_rows;

-- name: ForgetTapReceipts :execrows
DELETE FROM tap_receipt
WHERE city = @city AND device = @device AND boot = @boot AND sequence <= @upto;

-- name: TapBoots :many
-- Keyset paging through a city's boots.
SELECT city, device, boot, highest, taken, seen_us, list, list_issued_us, floor, chained, digest
FROM tap_boot
WHERE city = @city AND (device, boot) > (@device, @boot)
ORDER BY device, boot
LIMIT @max_rows;

-- name: ChainTapBoot :exec
UPDATE tap_boot SET chained = @chained, digest = @digest
WHERE city = @city AND device = @device AND boot = @boot AND chained < @chained;

-- name: FloorTapBoot :exec
UPDATE tap_boot SET floor = @floor
WHERE city = @city AND device = @device AND boot = @boot AND floor < @floor;

-- name: DropTapBoot :exec
DELETE FROM tap_boot WHERE city = @city AND device = @device AND boot = @boot;

-- name: TapCounts :many
SELECT city, hour, stop, mode, class, unissued, decision, taps
FROM tap_count
WHERE city = @city AND hour >= @from_hour AND hour < @to_hour
ORDER BY hour, stop, mode, class, unissued, decision;

-- name: TapAttempts :many
-- By the device's clock, as counts are.
SELECT city, device, boot, batch, place, card, class, stop, mode, clock_us, earliest_us, latest_us, certain, list,
	list_issued_us, received_us, state, due_us
FROM tap_attempt
WHERE city = @city AND clock_us >= @from_us AND clock_us < @to_us
ORDER BY clock_us;

-- name: LeaseTapAttempts :many
-- The lease is the due time itself, as in the outbox: a worker that dies gives
-- its attempts back by doing nothing.
UPDATE tap_attempt SET due_us = @lease_us
WHERE (city, device, boot, batch, place) IN (
	SELECT a.city, a.device, a.boot, a.batch, a.place FROM tap_attempt a
	WHERE a.state = 0 AND a.due_us <= @now_us
	ORDER BY a.due_us
	LIMIT @max_rows /* skip locked */
)
RETURNING city, device, boot, batch, place, card, class, stop, mode, clock_us, earliest_us, latest_us, certain, list,
	list_issued_us, received_us, state, due_us;

-- name: ConsiderTapAttempt :execrows
UPDATE tap_attempt SET state = 1, due_us = @goes_us
WHERE city = @city AND device = @device AND boot = @boot AND batch = @batch AND place = @place AND state = 0;

-- name: SweepTapAttempts :execrows
DELETE FROM tap_attempt
WHERE (city, device, boot, batch, place) IN (
	SELECT a.city, a.device, a.boot, a.batch, a.place FROM tap_attempt a
	WHERE a.state = @state AND a.due_us <= @now_us
	ORDER BY a.due_us
	LIMIT @max_rows
);
