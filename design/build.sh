#!/bin/sh
# Rebuilds the style sheets after a change to design/. Needs node and npm; what
# it writes is committed, so that a clone builds with Go alone.
set -eu
cd "$(dirname "$0")"
[ -d node_modules ] || npm ci --no-audit --no-fund --ignore-scripts
node build.mjs
