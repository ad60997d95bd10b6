#!/bin/sh
# Regenerates what is generated and committed: the queries' Go (sqlc). The tool
# is built once into bin/, which takes minutes; its version is pinned in tools/.
set -eu
cd "$(dirname "$0")/.."
[ -x bin/sqlc ] || (cd tools && go build -o ../bin/sqlc github.com/sqlc-dev/sqlc/cmd/sqlc)
[ -x bin/templ ] || (cd tools && go build -o ../bin/templ github.com/a-h/templ/cmd/templ)
(cd internal/storage && ../../bin/sqlc generate)
# schema.sql is for reading; while migrations only create, it is their sum.
(
	cd internal/storage
	{
		echo "-- The schema of today, as the migrations leave it, to be read: a test holds it"
		echo "-- to them. SQLite's words; on PostgreSQL INTEGER is BIGINT and BLOB is BYTEA."
		for f in migrations/sqlite/*.sql; do
			printf '\n-- %s\n' "$(basename "$f")"
			grep -v '^-- +goose Up$' "$f"
		done
	} >schema.sql
)
bin/templ generate -log-level error
gofmt -l internal/storage/dbq
