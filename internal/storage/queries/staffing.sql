-- name: PutStaffingRevision :exec
INSERT INTO booking_revision (city, id, centre, pool, kind, since_day, until_day, body, why, actor, at_us)
VALUES (@city, @id, @centre, @pool, @kind, @since_day, @until_day, @body, @why, @actor, @at_us);

-- name: DropStaffingRevision :execrows
DELETE FROM booking_revision WHERE city = @city AND id = @id;

-- name: StaffingRevisions :many
-- Those that reach into a span of days.
SELECT city, id, centre, pool, kind, since_day, until_day, body, why, actor, at_us
FROM booking_revision
WHERE city = @city AND until_day >= @from_day AND since_day <= @to_day
ORDER BY until_day, id;

-- name: PutMove :exec
-- A visit is asked about once more when its answer did not end the matter.
INSERT INTO booking_move (city, visit_id, place_id, centre, day, unit, state, actor, made_us, until_us, answered_us)
VALUES (@city, @visit_id, @place_id, @centre, @day, @unit, @state, @actor, @made_us, @until_us, @answered_us)
ON CONFLICT (city, visit_id) DO UPDATE SET place_id = excluded.place_id, centre = excluded.centre, day = excluded.day,
	unit = excluded.unit, state = excluded.state, actor = excluded.actor, made_us = excluded.made_us,
	until_us = excluded.until_us, answered_us = excluded.answered_us;

-- name: MoveByVisit :one
SELECT city, visit_id, place_id, centre, day, unit, state, actor, made_us, until_us, answered_us
FROM booking_move
WHERE city = @city AND visit_id = @visit_id;

-- name: Moves :many
-- By the hour they were to come, which is how a manager's list reads.
SELECT city, visit_id, place_id, centre, day, unit, state, actor, made_us, until_us, answered_us
FROM booking_move
WHERE city = @city AND centre = @centre AND day >= @from_day AND day <= @to_day
ORDER BY day, unit, visit_id;

-- name: PastVisits :many
-- What figures are made of: nothing of who came. Held, resting and lapsed
-- places are nobody's.
SELECT id, day, unit, service, matters, channel, state, created_us
FROM booking_visit
WHERE city = @city AND centre = @centre AND day >= @from_day AND day <= @to_day AND state <> 1 AND state <> 4 AND state <> 13
ORDER BY day, unit, id;

-- name: PastTickets :many
SELECT city, centre, day, number, visit_id, pool, service, matters, state, desk, recalls, slot_us, arrived_us,
	called_us, started_us, ended_us, shown_us
FROM booking_ticket
WHERE city = @city AND centre = @centre AND day >= @from_day AND day <= @to_day
ORDER BY day, number;
