-- name: PutVisitClaim :exec
-- Over an older one for the same place: its holder went back and mended the form.
INSERT INTO booking_claim (city, id, kind, state, centre, service, matters, from_day, to_day, phone_tag, sealed, lang,
	code_tag, code_expires_us, tries, sends, last_send_us, created_us)
VALUES (@city, @id, @kind, @state, @centre, @service, @matters, @from_day, @to_day, @phone_tag, @sealed, @lang,
	@code_tag, @code_expires_us, @tries, @sends, @last_send_us, @created_us)
ON CONFLICT (city, id) DO UPDATE SET kind = excluded.kind, state = excluded.state, centre = excluded.centre,
	service = excluded.service, matters = excluded.matters, from_day = excluded.from_day, to_day = excluded.to_day,
	phone_tag = excluded.phone_tag, sealed = excluded.sealed, lang = excluded.lang, code_tag = excluded.code_tag,
	code_expires_us = excluded.code_expires_us, tries = excluded.tries, sends = excluded.sends,
	last_send_us = excluded.last_send_us;

-- name: VisitClaim :one
-- Locked in a writing transaction: its tries are counted up.
SELECT city, id, kind, state, centre, service, matters, from_day, to_day, phone_tag, sealed, lang, code_tag,
	code_expires_us, tries, sends, last_send_us, created_us
FROM booking_claim
WHERE city = @city AND id = @id /* lock */;

-- name: SweepVisitClaims :execrows
DELETE FROM booking_claim
WHERE (city, id) IN (SELECT c.city, c.id FROM booking_claim c WHERE c.created_us < @before_us ORDER BY c.created_us LIMIT @max_rows);
