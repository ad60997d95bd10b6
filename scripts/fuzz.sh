#!/bin/sh
# Runs every fuzz target for a short time each: fuzz.sh [TIME], 5s by default.
set -eu
cd "$(dirname "$0")/.."
time=${1:-5s}
grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do
	pkg=$(dirname "$file")
	sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r target; do
		echo "fuzz $pkg $target $time"
		go test "$pkg" -run '^$' -fuzz "^$target\$" -fuzztime "$time" </dev/null >/tmp/fuzz.$$ 2>&1 || { cat /tmp/fuzz.$$; exit 1; }
	done
done
rm -f /tmp/fuzz.$$
