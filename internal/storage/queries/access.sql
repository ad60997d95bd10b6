-- name: InsertAccount :execrows
-- No row changed means that the user name, or the account at the city's own
-- sign-in, is somebody's already.
INSERT INTO access_account (city, id, version, state, role, centres, login_tag, outside_tag, key_ref, sealed, totp_step,
	fails, known_fails, failed_us, seen_us, created_us, changed_us)
VALUES (@city, @id, @version, @state, @role, @centres, @login_tag, @outside_tag, @key_ref, @sealed, @totp_step,
	@fails, @known_fails, @failed_us, @seen_us, @created_us, @changed_us)
ON CONFLICT DO NOTHING;

-- name: UpdateAccount :execrows
-- The version is the one that was read: sealing is done outside the
-- transaction, so two changes may meet here and one begins again.
UPDATE access_account SET version = version + 1, state = @state, role = @role, centres = @centres, login_tag = @login_tag,
	outside_tag = @outside_tag, sealed = @sealed, totp_step = @totp_step, fails = @fails, known_fails = @known_fails,
	failed_us = @failed_us, seen_us = @seen_us, changed_us = @changed_us
WHERE city = @city AND id = @id AND version = @version;

-- name: Account :one
-- Locked in a writing transaction.
SELECT city, id, version, state, role, centres, login_tag, outside_tag, key_ref, sealed, totp_step, fails, known_fails,
	failed_us, seen_us, created_us, changed_us
FROM access_account
WHERE city = @city AND id = @id /* lock */;

-- name: AccountByLogin :one
SELECT city, id, version, state, role, centres, login_tag, outside_tag, key_ref, sealed, totp_step, fails, known_fails,
	failed_us, seen_us, created_us, changed_us
FROM access_account
WHERE login_tag = @login_tag /* lock */;

-- name: AccountByOutside :one
SELECT city, id, version, state, role, centres, login_tag, outside_tag, key_ref, sealed, totp_step, fails, known_fails,
	failed_us, seen_us, created_us, changed_us
FROM access_account
WHERE city = @city AND outside_tag = @outside_tag /* lock */;

-- name: Accounts :many
-- A tenant's people in the order they came; those who left stay for the audit.
SELECT city, id, version, state, role, centres, login_tag, outside_tag, key_ref, sealed, totp_step, fails, known_fails,
	failed_us, seen_us, created_us, changed_us
FROM access_account
WHERE city = @city AND id > @after
ORDER BY id
LIMIT @max_rows;

-- name: InsertAccessSession :exec
INSERT INTO access_session (city, id, account, sealed, how, desk, made_us, seen_us, strong_us)
VALUES (@city, @id, @account, @sealed, @how, @desk, @made_us, @seen_us, @strong_us);

-- name: AccessSession :one
-- With the account as it is now: a changed role holds from the next request,
-- and who has left has no session.
SELECT s.city, s.id, s.account, s.sealed, s.how, s.desk, s.made_us, s.seen_us, s.strong_us, a.role, a.centres
FROM access_session s
JOIN access_account a ON a.city = s.city AND a.id = s.account
WHERE s.city = @city AND s.id = @id AND a.state = 1;

-- name: UpdateAccessSession :execrows
UPDATE access_session SET desk = @desk, seen_us = @seen_us, strong_us = @strong_us
WHERE city = @city AND id = @id;

-- name: DropAccessSession :execrows
DELETE FROM access_session WHERE city = @city AND id = @id AND account = @account;

-- name: DropAccessSessions :execrows
-- All of somebody's but one; an empty one spares none.
DELETE FROM access_session WHERE city = @city AND account = @account AND id <> @spare;

-- name: AccessSessionsOf :many
SELECT city, id, account, sealed, how, desk, made_us, seen_us, strong_us
FROM access_session
WHERE city = @city AND account = @account
ORDER BY id;

-- name: SweepAccessSessions :execrows
-- None outlives a working day, whatever the city.
DELETE FROM access_session WHERE made_us < @before_us;

-- name: InsertInvite :exec
INSERT INTO access_invite (city, id, role, centres, account, outside_tag, actor, made_us, expires_us)
VALUES (@city, @id, @role, @centres, @account, @outside_tag, @actor, @made_us, @expires_us);

-- name: Invite :one
SELECT city, id, role, centres, account, outside_tag, actor, made_us, expires_us, used_us
FROM access_invite
WHERE city = @city AND id = @id /* lock */;

-- name: InviteByOutside :one
-- The newest that is still good.
SELECT city, id, role, centres, account, outside_tag, actor, made_us, expires_us, used_us
FROM access_invite
WHERE city = @city AND outside_tag = @outside_tag AND used_us IS NULL AND expires_us > @now_us
ORDER BY expires_us DESC
LIMIT 1;

-- name: OpenInvites :many
SELECT city, id, role, centres, account, outside_tag, actor, made_us, expires_us, used_us
FROM access_invite
WHERE city = @city AND used_us IS NULL AND expires_us > @now_us
ORDER BY expires_us;

-- name: UseInvite :execrows
-- No row changed means that somebody was first, or that it was withdrawn.
UPDATE access_invite SET used_us = @used_us
WHERE city = @city AND id = @id AND used_us IS NULL AND expires_us > @used_us;

-- name: InsertAccessDevice :execrows
-- No row changed means that another code waits under the same pick.
INSERT INTO access_device (city, id, centre, kind, name, pick, code, code_until_us, tries, token, made_us)
VALUES (@city, @id, @centre, @kind, @name, @pick, @code, @code_until_us, 0, @token, @made_us)
ON CONFLICT DO NOTHING;

-- name: UpdateAccessDevice :execrows
UPDATE access_device SET code_until_us = @code_until_us, tries = @tries, token = @token, enrolled_us = @enrolled_us,
	seen_us = @seen_us, ended_us = @ended_us
WHERE city = @city AND id = @id;

-- name: AccessDevice :one
SELECT city, id, centre, kind, name, pick, code, code_until_us, tries, token, made_us, enrolled_us, seen_us, ended_us
FROM access_device
WHERE city = @city AND id = @id /* lock */;

-- name: AccessDeviceByPick :one
SELECT city, id, centre, kind, name, pick, code, code_until_us, tries, token, made_us, enrolled_us, seen_us, ended_us
FROM access_device
WHERE pick = @pick AND code_until_us IS NOT NULL /* lock */;

-- name: AccessDevices :many
SELECT city, id, centre, kind, name, pick, code, code_until_us, tries, token, made_us, enrolled_us, seen_us, ended_us
FROM access_device
WHERE city = @city AND id > @after
ORDER BY id
LIMIT @max_rows;

-- name: AuditBefore :many
-- For somebody who reads backwards from today.
SELECT city, id, at_us, actor_kind, actor_ref, channel, action, subject, object, purpose, result
FROM audit
WHERE city = @city AND id < @before
ORDER BY id DESC
LIMIT @max_rows;
