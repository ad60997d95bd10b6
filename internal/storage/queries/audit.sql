-- name: AuditReads :many
-- Who looked at a person, newest first, for the person to see; the partial
-- index audit_reads holds only entries with a purpose.
SELECT city, id, at_us, actor_kind, actor_ref, channel, action, subject, object, purpose, result
FROM audit
WHERE city = @city AND subject = @subject AND purpose <> ''
ORDER BY id DESC
LIMIT @max_rows;

-- name: AuditPage :many
-- Ids rise with time, so the key's own order is the order of events.
SELECT city, id, at_us, actor_kind, actor_ref, channel, action, subject, object, purpose, result
FROM audit
WHERE city = @city AND id > @after
ORDER BY id
LIMIT @max_rows;
