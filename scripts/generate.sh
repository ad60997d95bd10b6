#!/bin/sh
# Regenerates what is generated and committed: the queries' Go (sqlc). The tool
# is built once into bin/, which takes minutes; its version is pinned in tools/.
set -eu
cd "$(dirname "$0")/.."
[ -x bin/sqlc ] || (cd tools && go build -o ../bin/sqlc github.com/sqlc-dev/sqlc/cmd/sqlc)
[ -x bin/templ ] || (cd tools && go build -o ../bin/templ github.com/a-h/templ/cmd/templ)
(cd internal/storage && ../../bin/sqlc generate)
bin/templ generate -log-level error
gofmt -l internal/storage/dbq
