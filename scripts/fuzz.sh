#!/bin/sh
# Runs every fuzz target on so many new inputs each: fuzz.sh [COUNT].
# Counted and not timed: a target cut off by the clock is now and then
# reported as failed ("context deadline exceeded") with no input at fault.
set -eu
cd "$(dirname "$0")/.."
count=${1:-20000}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u | while read -r pkg; do
	go test -c -fuzz . -o "$tmp/fuzz.test" "$pkg"
	cat "$pkg"/*_test.go | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' | while read -r target; do
		printf 'fuzz %s %s: ' "$pkg" "$target"
		(cd "$pkg" && "$tmp/fuzz.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "${count}x" -test.fuzzcachedir "$tmp/cache" -test.timeout 2h) \
			</dev/null >"$tmp/out" 2>&1 || { cat "$tmp/out"; exit 1; }
		echo "$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$tmp/out" | tail -n 1) inputs"
	done
done
