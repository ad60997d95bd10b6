-- name: LockBookingDay :one
-- Held by whoever changes anything of the day, before the cells are read.
SELECT city, centre, day, version, tickets, events
FROM booking_day
WHERE city = @city AND centre = @centre AND day = @day /* lock */;

-- name: InsertBookingDay :execrows
-- Two servers may plan a day at once: the one that changes no row takes the
-- other's, with what is booked on it by now.
INSERT INTO booking_day (city, centre, day, version, tickets, events)
VALUES (@city, @centre, @day, @version, @tickets, @events)
ON CONFLICT (city, centre, day) DO NOTHING;

-- name: PutBookingDay :exec
INSERT INTO booking_day (city, centre, day, version, tickets, events)
VALUES (@city, @centre, @day, @version, @tickets, @events)
ON CONFLICT (city, centre, day) DO UPDATE SET version = excluded.version, tickets = excluded.tickets,
	events = excluded.events;

-- name: BookingDays :many
SELECT city, centre, day, version, tickets, events
FROM booking_day
WHERE city = @city AND day >= @from_day AND day <= @to_day
ORDER BY centre, day;

-- name: BookingCells :many
SELECT pool, unit, plan, cap, used, phone, phone_used, walk, walk_used
FROM booking_cell
WHERE city = @city AND centre = @centre AND day = @day
ORDER BY pool, unit;

-- name: PutBookingCell :exec
-- The whole row, worked out under the day's lock; CHECK holds the last line.
INSERT INTO booking_cell (city, centre, day, pool, unit, plan, cap, used, phone, phone_used, walk, walk_used)
VALUES (@city, @centre, @day, @pool, @unit, @plan, @cap, @used, @phone, @phone_used, @walk, @walk_used)
ON CONFLICT (city, centre, day, pool, unit) DO UPDATE SET plan = excluded.plan, cap = excluded.cap,
	used = excluded.used, phone = excluded.phone, phone_used = excluded.phone_used, walk = excluded.walk,
	walk_used = excluded.walk_used;

-- name: PutBookingException :exec
INSERT INTO booking_exception (city, id, centre, pool, day, from_min, to_min, desks, closed, opened, why, actor, at_us)
VALUES (@city, @id, @centre, @pool, @day, @from_min, @to_min, @desks, @closed, @opened, @why, @actor, @at_us);

-- name: DropBookingException :execrows
DELETE FROM booking_exception WHERE city = @city AND id = @id;

-- name: BookingExceptions :many
SELECT city, id, centre, pool, day, from_min, to_min, desks, closed, opened, why, actor, at_us
FROM booking_exception
WHERE city = @city AND day >= @from_day AND day <= @to_day
ORDER BY day, id;

-- name: InsertVisit :execrows
-- No row changed means that a unique rule stands in the way; which one, the
-- caller finds out by reading. An error instead would end the transaction on
-- PostgreSQL, with everybody else's bookings in it.
INSERT INTO booking_visit (city, id, code, centre, pool, day, unit, units, service, matters, state, hold_until_us,
	channel, holder, slot, phone_tag, key, sealed, lang, wait_id, sequence, due_us, confirmed, reminded, created_us,
	changed_us)
VALUES (@city, @id, @code, @centre, @pool, @day, @unit, @units, @service, @matters, @state, @hold_until_us, @channel,
	@holder, @slot, @phone_tag, @key, @sealed, @lang, @wait_id, @sequence, @due_us, @confirmed, @reminded, @created_us,
	@changed_us)
ON CONFLICT DO NOTHING;

-- name: UpdateVisit :execrows
UPDATE booking_visit SET centre = @centre, pool = @pool, day = @day, unit = @unit, units = @units, service = @service,
	matters = @matters, state = @state, hold_until_us = @hold_until_us, channel = @channel, holder = @holder,
	slot = @slot, phone_tag = @phone_tag, sealed = @sealed, lang = @lang, sequence = @sequence, due_us = @due_us,
	confirmed = @confirmed, reminded = @reminded, changed_us = @changed_us
WHERE city = @city AND id = @id;

-- name: Visit :one
SELECT city, id, code, centre, pool, day, unit, units, service, matters, state, hold_until_us, channel, holder, slot,
	phone_tag, key, sealed, lang, wait_id, sequence, due_us, confirmed, reminded, created_us, changed_us
FROM booking_visit
WHERE city = @city AND id = @id /* lock */;

-- name: VisitByKey :one
SELECT city, id, code, centre, pool, day, unit, units, service, matters, state, hold_until_us, channel, holder, slot,
	phone_tag, key, sealed, lang, wait_id, sequence, due_us, confirmed, reminded, created_us, changed_us
FROM booking_visit
WHERE city = @city AND key = @key;

-- name: VisitByCode :one
-- Open ones only, as the partial index has them.
SELECT city, id, code, centre, pool, day, unit, units, service, matters, state, hold_until_us, channel, holder, slot,
	phone_tag, key, sealed, lang, wait_id, sequence, due_us, confirmed, reminded, created_us, changed_us
FROM booking_visit
WHERE city = @city AND code = @code AND state < 10;

-- name: OpenVisits :many
SELECT city, id, code, centre, pool, day, unit, units, service, matters, state, hold_until_us, channel, holder, slot,
	phone_tag, key, sealed, lang, wait_id, sequence, due_us, confirmed, reminded, created_us, changed_us
FROM booking_visit
WHERE city = @city AND holder = @holder AND state < 10 AND holder IS NOT NULL
ORDER BY slot;

-- name: VisitsByPhone :many
-- A caller's visits, newest first.
SELECT city, id, code, centre, pool, day, unit, units, service, matters, state, hold_until_us, channel, holder, slot,
	phone_tag, key, sealed, lang, wait_id, sequence, due_us, confirmed, reminded, created_us, changed_us
FROM booking_visit
WHERE city = @city AND phone_tag = @phone_tag AND phone_tag IS NOT NULL
ORDER BY id DESC
LIMIT 50;

-- name: NextLapse :one
-- Cheap where nothing has lapsed, which is nearly always.
SELECT hold_until_us
FROM booking_visit
WHERE city = @city AND centre = @centre AND day = @day AND hold_until_us IS NOT NULL
ORDER BY hold_until_us
LIMIT 1;

-- name: LapsedVisits :many
SELECT city, id, code, centre, pool, day, unit, units, service, matters, state, hold_until_us, channel, holder, slot,
	phone_tag, key, sealed, lang, wait_id, sequence, due_us, confirmed, reminded, created_us, changed_us
FROM booking_visit
WHERE city = @city AND centre = @centre AND day = @day AND hold_until_us IS NOT NULL AND hold_until_us <= @now_us
ORDER BY hold_until_us, id;

-- name: ExpireVisits :execrows
-- All that LapsedVisits has just read under the day's lock, in one statement.
UPDATE booking_visit SET state = 13, hold_until_us = NULL, due_us = NULL, changed_us = @changed_us
WHERE city = @city AND centre = @centre AND day = @day AND hold_until_us IS NOT NULL AND hold_until_us <= @now_us;

-- name: DayVisits :many
-- A centre's list: places that rest or have lapsed are nobody's.
SELECT city, id, code, centre, pool, day, unit, units, service, matters, state, hold_until_us, channel, holder, slot,
	phone_tag, key, sealed, lang, wait_id, sequence, due_us, confirmed, reminded, created_us, changed_us
FROM booking_visit
WHERE city = @city AND centre = @centre AND day = @day AND state <> 4 AND state <> 13
ORDER BY unit, id;

-- name: CountedVisits :many
-- Those whose places the cells count: all but cancelled and lapsed ones.
SELECT pool, unit, units
FROM booking_visit
WHERE city = @city AND centre = @centre AND day = @day AND state < 12;

-- name: DueVisits :many
SELECT city, id, code, centre, pool, day, unit, units, service, matters, state, hold_until_us, channel, holder, slot,
	phone_tag, key, sealed, lang, wait_id, sequence, due_us, confirmed, reminded, created_us, changed_us
FROM booking_visit
WHERE due_us IS NOT NULL AND due_us <= @now_us
ORDER BY due_us
LIMIT @max_rows;

-- name: InsertWait :execrows
INSERT INTO booking_wait (city, id, centre, service, pool, units, matters, from_day, to_day, holder, phone_tag, sealed,
	lang, state, visit_id, offers, created_us)
VALUES (@city, @id, @centre, @service, @pool, @units, @matters, @from_day, @to_day, @holder, @phone_tag, @sealed,
	@lang, @state, @visit_id, @offers, @created_us)
ON CONFLICT DO NOTHING;

-- name: UpdateWait :execrows
UPDATE booking_wait SET from_day = @from_day, to_day = @to_day, sealed = @sealed, state = @state, visit_id = @visit_id,
	offers = @offers
WHERE city = @city AND id = @id;

-- name: Wait :one
SELECT city, id, centre, service, pool, units, matters, from_day, to_day, holder, phone_tag, sealed, lang, state,
	visit_id, offers, created_us
FROM booking_wait
WHERE city = @city AND id = @id /* lock */;

-- name: NextWait :one
-- Ids rise with time, so the list is in the order in which people joined it.
SELECT city, id, centre, service, pool, units, matters, from_day, to_day, holder, phone_tag, sealed, lang, state,
	visit_id, offers, created_us
FROM booking_wait
WHERE city = @city AND centre = @centre AND pool = @pool AND state = 1 AND id > @after AND units <= @units
	AND from_day <= @day AND to_day >= @day
ORDER BY id
LIMIT 1;

-- name: InsertTicket :exec
INSERT INTO booking_ticket (city, centre, day, number, visit_id, pool, service, matters, state, desk, recalls, slot_us,
	arrived_us, called_us, started_us, ended_us, shown_us)
VALUES (@city, @centre, @day, @number, @visit_id, @pool, @service, @matters, @state, @desk, @recalls, @slot_us,
	@arrived_us, @called_us, @started_us, @ended_us, @shown_us);

-- name: UpdateTicket :execrows
UPDATE booking_ticket SET pool = @pool, service = @service, matters = @matters, state = @state, desk = @desk,
	recalls = @recalls, arrived_us = @arrived_us, called_us = @called_us, started_us = @started_us, ended_us = @ended_us,
	shown_us = @shown_us
WHERE city = @city AND centre = @centre AND day = @day AND number = @number;

-- name: Tickets :many
SELECT city, centre, day, number, visit_id, pool, service, matters, state, desk, recalls, slot_us, arrived_us,
	called_us, started_us, ended_us, shown_us
FROM booking_ticket
WHERE city = @city AND centre = @centre AND day = @day
ORDER BY number;

-- name: InsertBookingEvent :exec
INSERT INTO booking_event (city, centre, day, seq, ticket, was, state, desk, actor, at_us, undone)
VALUES (@city, @centre, @day, @seq, @ticket, @was, @state, @desk, @actor, @at_us, @undone);

-- name: UpdateBookingEvent :execrows
UPDATE booking_event SET undone = @undone
WHERE city = @city AND centre = @centre AND day = @day AND seq = @seq;

-- name: LastBookingEvent :one
SELECT city, centre, day, seq, ticket, was, state, desk, actor, at_us, undone
FROM booking_event
WHERE city = @city AND centre = @centre AND day = @day AND desk = @desk AND undone = 0
ORDER BY seq DESC
LIMIT 1;

-- name: BookingEvents :many
SELECT city, centre, day, seq, ticket, was, state, desk, actor, at_us, undone
FROM booking_event
WHERE city = @city AND centre = @centre AND day = @day
ORDER BY seq;
