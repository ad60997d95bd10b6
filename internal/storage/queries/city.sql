-- name: InsertRevision :execrows
-- The number is the caller's guess of the next one: of two who publish at once
-- one changes no row and must look again at what the other wrote.
INSERT INTO city_revision (city, revision, from_us, toml, author, at_us)
VALUES (@city, @revision, @from_us, @toml, @author, @at_us)
ON CONFLICT (city, revision) DO NOTHING;

-- name: Revisions :many
SELECT city, revision, from_us, toml, author, at_us
FROM city_revision
WHERE city = @city
ORDER BY revision;

-- name: Setting :one
SELECT value FROM setting WHERE city = @city AND key = @key;

-- name: PutSetting :exec
INSERT INTO setting (city, key, value, at_us) VALUES (@city, @key, @value, @at_us)
ON CONFLICT (city, key) DO UPDATE SET value = excluded.value, at_us = excluded.at_us;

-- name: InsertDevice :exec
INSERT INTO device (city, id, kind, name, public_key, secret_tag, created_us, seen_us, revoked_us)
VALUES (@city, @id, @kind, @name, @public_key, @secret_tag, @created_us, @seen_us, @revoked_us);

-- name: Device :one
SELECT city, id, kind, name, public_key, secret_tag, created_us, seen_us, revoked_us
FROM device
WHERE city = @city AND id = @id;

-- name: UpdateDevice :execrows
UPDATE device SET name = @name, seen_us = @seen_us, revoked_us = @revoked_us
WHERE city = @city AND id = @id;
