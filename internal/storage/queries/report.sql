-- name: InsertIsolation :exec
INSERT INTO isolation (city, id, card_tag, place, pairing_id, since_us, until_day, notice_id, told_us, confirmed_us,
	appeal, source, ended_us, end_why, recalled)
VALUES (@city, @id, @card_tag, @place, @pairing_id, @since_us, @until_day, @notice_id, @told_us, @confirmed_us,
	@appeal, @source, @ended_us, @end_why, @recalled);

-- name: UpdateIsolation :execrows
UPDATE isolation SET card_tag = @card_tag, place = @place, pairing_id = @pairing_id, until_day = @until_day,
	notice_id = @notice_id, told_us = @told_us, confirmed_us = @confirmed_us, appeal = @appeal, ended_us = @ended_us,
	end_why = @end_why, recalled = @recalled
WHERE city = @city AND id = @id;

-- name: Isolation :one
-- Locked in a writing transaction: a report must not be made of a stop that
-- another one is just ending.
SELECT city, id, card_tag, place, pairing_id, since_us, until_day, notice_id, told_us, confirmed_us, appeal, source,
	ended_us, end_why, recalled
FROM isolation
WHERE city = @city AND id = @id /* lock */;

-- name: OpenIsolation :one
-- The newest that stands on a card.
SELECT city, id, card_tag, place, pairing_id, since_us, until_day, notice_id, told_us, confirmed_us, appeal, source,
	ended_us, end_why, recalled
FROM isolation
WHERE city = @city AND card_tag = @card_tag AND ended_us IS NULL
ORDER BY id DESC
LIMIT 1 /* lock */;

-- name: IsolationAt :one
-- By the card's place in the list, which is all that a validator knows of it.
SELECT city, id, card_tag, place, pairing_id, since_us, until_day, notice_id, told_us, confirmed_us, appeal, source,
	ended_us, end_why, recalled
FROM isolation
WHERE city = @city AND place = @place AND ended_us IS NULL
ORDER BY id DESC
LIMIT 1 /* lock */;

-- name: NoticesDone :many
-- Stops whose notice has left the outbox, or has ended there unsent. An id in
-- both tables is one UUID, so the join reads one row for each.
SELECT i.city, i.id, o.state, o.done_us
FROM isolation i JOIN outbox o ON o.city = i.city AND o.id = i.notice_id
WHERE i.notice_id IS NOT NULL AND i.told_us IS NULL AND i.since_us >= @since_us AND o.done_us IS NOT NULL
ORDER BY i.since_us
LIMIT @max_rows;

-- name: IsolationsToRecall :many
-- Across cities, by the partial index that holds just these.
SELECT city, id, card_tag, place, pairing_id, since_us, until_day, notice_id, told_us, confirmed_us, appeal, source,
	ended_us, end_why, recalled
FROM isolation
WHERE ended_us IS NOT NULL AND recalled = 0
ORDER BY ended_us
LIMIT @max_rows /* skip locked */;

-- name: SweepIsolations :execrows
-- What is known of somebody's health goes when their days are over.
DELETE FROM isolation
WHERE (city, id) IN (
	SELECT i.city, i.id FROM isolation i
	WHERE i.until_day < @before_day
	ORDER BY i.until_day
	LIMIT @max_rows
);

-- name: InsertReport :execrows
-- Nothing is written where this stop was reported on this day already.
INSERT INTO report (city, id, stop_id, day, state, sealed, due_us, attempts, receipt, why, error, created_us, changed_us, done_us)
VALUES (@city, @id, @stop_id, @day, @state, @sealed, @due_us, 0, '', '', '', @created_us, @created_us, NULL)
ON CONFLICT DO NOTHING;

-- name: NthReportSince :many
-- Whether there are so many, without counting the rest.
SELECT id FROM report
WHERE city = @city AND created_us >= @since_us
ORDER BY created_us
LIMIT 1 OFFSET @skip;

-- name: Report :one
SELECT city, id, stop_id, day, state, due_us, attempts, receipt, why, error, created_us, changed_us
FROM report
WHERE city = @city AND id = @id /* lock */;

-- name: ReportsPage :many
-- Newest first: ids rise with time.
SELECT city, id, stop_id, day, state, due_us, attempts, receipt, why, error, created_us, changed_us
FROM report
WHERE city = @city AND id < @before
ORDER BY id DESC
LIMIT @max_rows;

-- name: ReportsOfStop :many
SELECT city, id, stop_id, day, state, due_us, attempts, receipt, why, error, created_us, changed_us
FROM report
WHERE city = @city AND stop_id = @stop_id
ORDER BY day
LIMIT @max_rows /* lock */;

-- name: ClaimReports :many
-- The lease is the due time, moved to when the claim lapses; attempts is the
-- fence (as in the outbox).
UPDATE report SET attempts = attempts + 1, due_us = @lease_us
WHERE (city, id) IN (
	SELECT r.city, r.id FROM report r
	WHERE r.city = @city AND r.state = @state AND r.due_us <= @now_us
	ORDER BY r.due_us
	LIMIT @max_rows /* skip locked */
)
RETURNING city, id, stop_id, day, state, sealed, due_us, attempts, receipt, why, created_us, changed_us;

-- name: MoveReport :execrows
-- From one state to another. Only what waits, lies in a file or is held needs
-- what was sealed.
-- attempts tells a worker whose lease has lapsed, or
-- whose report was called back meanwhile, that it is too late.
UPDATE report SET state = @state, sealed = CASE WHEN CAST(@state AS BIGINT) IN (1, 2, 8) THEN sealed ELSE @empty END, due_us = @due_us,
	attempts = @attempts, receipt = @receipt, why = @why, error = @error, changed_us = @now_us, done_us = @done_us
WHERE city = @city AND id = @id AND state = @was AND attempts = @fence;

-- name: ReportStates :many
-- How many stand where, and since when the oldest is due, for the alarm.
SELECT state, COUNT(*) AS reports, CAST(COALESCE(MIN(due_us), 0) AS BIGINT) AS oldest_us
FROM report
WHERE city = @city
GROUP BY state
ORDER BY state;

-- name: SweepReports :execrows
DELETE FROM report
WHERE (city, id) IN (
	SELECT r.city, r.id FROM report r
	WHERE r.done_us IS NOT NULL AND r.done_us < @before_us
	ORDER BY r.done_us
	LIMIT @max_rows
);
