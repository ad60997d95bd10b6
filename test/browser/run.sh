#!/bin/sh
# Runs the browser suites: ./run.sh [file...]. On a plain Debian machine it
# installs Chromium and the npm packages first; pictures land in out/.
set -eu
cd "$(dirname "$0")"
need() { command -v "$1" >/dev/null || missing="${missing:-} $2"; }
missing=
need node nodejs
need npm npm
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || missing="$missing chromium"
fc-list 2>/dev/null | grep -qi 'noto.*arab' || missing="$missing fonts-noto-core"
if [ -n "$missing" ]; then
	# shellcheck disable=SC2086
	apt-get install -y --no-install-recommends $missing
fi
[ node_modules/.package-lock.json -nt package-lock.json ] || PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund
mkdir -p out
go build -o out/guide ./server
go build -o out/desk ./desk
go build -o out/turnike ../../cmd/turnike
exec node --test --test-concurrency=1 ${NAME:+--test-name-pattern="$NAME"} ${@:-}
