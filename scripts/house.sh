#!/bin/sh
# What a glance would find: formatting, and modules that are not as go.mod says.
set -eu
cd "$(dirname "$0")/.."
bad=$(git ls-files '*.go' | grep -v '_templ.go$' | xargs gofmt -l)
[ -z "$bad" ] || { echo "gofmt would change:"; echo "$bad"; exit 1; }
go mod verify >/dev/null
go mod tidy -diff >/dev/null || { echo "go mod tidy would change go.mod or go.sum"; exit 1; }
