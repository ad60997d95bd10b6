-- name: Request :one
SELECT city, id, version, kind, state, lang, channel, blind, phone_tag, person_tag, card_tag, sealed,
	code_tag, code_expires_us, tries, sends, last_send_us, created_us, proven_us, due_us, attempts, result, pairing_id
FROM request
WHERE city = @city AND id = @id;

-- name: UpdateRequest :execrows
-- The version in the WHERE makes two racers see each other: the second one
-- changes no row and must read again.
UPDATE request SET version = version + 1, state = @state, lang = @lang, channel = @channel, blind = @blind,
	phone_tag = @phone_tag, person_tag = @person_tag, card_tag = @card_tag, sealed = @sealed,
	code_tag = @code_tag, code_expires_us = @code_expires_us, tries = @tries, sends = @sends,
	last_send_us = @last_send_us, proven_us = @proven_us, due_us = @due_us, attempts = @attempts,
	result = @result, pairing_id = @pairing_id
WHERE city = @city AND id = @id AND version = @version;

-- name: DueRequests :many
-- Across cities, because one worker asks the outside world for all of them;
-- the partial index request_due holds just these rows, in this order.
SELECT city, id, version, kind, state, lang, channel, blind, phone_tag, person_tag, card_tag, sealed,
	code_tag, code_expires_us, tries, sends, last_send_us, created_us, proven_us, due_us, attempts, result, pairing_id
FROM request
WHERE state = 'proven' AND due_us <= @now_us
ORDER BY due_us
LIMIT @max_rows;

-- name: SweepRequests :execrows
-- In bites, so that no sweep holds up the writer for long.
DELETE FROM request
WHERE (city, id) IN (
	SELECT r.city, r.id FROM request r
	WHERE r.state <> 'proven' AND r.created_us < @before_us
	ORDER BY r.created_us
	LIMIT @max_rows
);

-- name: PairingByID :one
SELECT city, id, card_tag, last4, person_id, person_tag, phone_tag, person_slot, code_slot, hes_tag, sealed_hes,
	proof, channel, lang, at_us, next_check_us, ended_us, end_reason
FROM pairing
WHERE city = @city AND id = @id /* lock */;

-- name: LiveByCard :one
-- Only the live one: a card's past pairings stay for their holders to see.
SELECT city, id, card_tag, last4, person_id, person_tag, phone_tag, person_slot, code_slot, hes_tag, sealed_hes,
	proof, channel, lang, at_us, next_check_us, ended_us, end_reason
FROM pairing
WHERE city = @city AND card_tag = @card_tag AND ended_us IS NULL /* lock */;

-- name: LiveByPerson :many
-- By the person's id, which rises with time, rather than by the tag, whose
-- index would be a random page for each pairing. Two halves, because a live row
-- stands in one of two indexes: the unique one where its city allows one card
-- (slot 1), the plain one where it sets no limit.
SELECT a.city, a.id, a.card_tag, a.last4, a.person_id, a.person_tag, a.phone_tag, a.person_slot, a.code_slot, a.hes_tag, a.sealed_hes,
	a.proof, a.channel, a.lang, a.at_us, a.next_check_us, a.ended_us, a.end_reason
FROM person h JOIN pairing a ON a.city = h.city AND a.person_id = h.id
WHERE h.city = @city AND h.tag = @person_tag AND a.ended_us IS NULL AND a.person_slot > 0
UNION ALL
SELECT b.city, b.id, b.card_tag, b.last4, b.person_id, b.person_tag, b.phone_tag, b.person_slot, b.code_slot, b.hes_tag, b.sealed_hes,
	b.proof, b.channel, b.lang, b.at_us, b.next_check_us, b.ended_us, b.end_reason
FROM person k JOIN pairing b ON b.city = k.city AND b.person_id = k.id
WHERE k.city = @city AND k.tag = @person_tag AND b.ended_us IS NULL AND b.person_slot = 0;

-- name: LiveByHolder :one
SELECT city, id, card_tag, last4, person_id, person_tag, phone_tag, person_slot, code_slot, hes_tag, sealed_hes,
	proof, channel, lang, at_us, next_check_us, ended_us, end_reason
FROM pairing
WHERE city = @city AND person_id = @person_id AND person_slot = @person_slot AND ended_us IS NULL AND person_slot > 0;

-- name: LiveByCode :one
-- Only where a city ties a code to one card (slot 1).
SELECT city, id, card_tag, last4, person_id, person_tag, phone_tag, person_slot, code_slot, hes_tag, sealed_hes,
	proof, channel, lang, at_us, next_check_us, ended_us, end_reason
FROM pairing
WHERE city = @city AND hes_tag = @hes_tag AND code_slot = @code_slot AND ended_us IS NULL AND code_slot > 0;

-- name: UpdatePairing :execrows
-- What may change: end, code, next check, person, phone, language. Card and
-- slots stand as they were made.
UPDATE pairing SET person_id = @person_id, person_tag = @person_tag, phone_tag = @phone_tag, hes_tag = @hes_tag,
	sealed_hes = @sealed_hes, proof = @proof, lang = @lang, next_check_us = @next_check_us,
	ended_us = @ended_us, end_reason = @end_reason
WHERE city = @city AND id = @id;

-- name: PairingsToCheck :many
SELECT city, id, card_tag, last4, person_id, person_tag, phone_tag, person_slot, code_slot, hes_tag, sealed_hes,
	proof, channel, lang, at_us, next_check_us, ended_us, end_reason
FROM pairing
WHERE ended_us IS NULL AND next_check_us IS NOT NULL AND next_check_us <= @now_us
ORDER BY next_check_us
LIMIT @max_rows;

-- name: Person :one
SELECT city, id, tag, key_ref, sealed, created_us, updated_us
FROM person
WHERE city = @city AND id = @id /* lock */;

-- name: PersonByTag :one
SELECT city, id, tag, key_ref, sealed, created_us, updated_us
FROM person
WHERE city = @city AND tag = @tag AND tag IS NOT NULL;

-- name: UpdatePerson :execrows
UPDATE person SET tag = @tag, key_ref = @key_ref, sealed = @sealed, updated_us = @updated_us
WHERE city = @city AND id = @id;

-- name: ForgetWaiting :exec
-- After a restore: a code that was sent before it must not be asked for again,
-- for its tries were not counted since.
DELETE FROM request WHERE state IN ('waiting', 'amend');
