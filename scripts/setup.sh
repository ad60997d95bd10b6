#!/bin/sh
# Installs what tests need on a plain Debian machine and leaves alone what is
# there. Run as root, or with sudo at hand.
set -eu
missing=
have() { command -v "$1" >/dev/null 2>&1; }
have make || missing="$missing make"
have gcc || missing="$missing gcc libc6-dev"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -x /usr/bin/chromium ] || missing="$missing chromium"
have node || missing="$missing nodejs"
have npm || missing="$missing npm"
command -v strace >/dev/null 2>&1 || missing="$missing strace"
fc-list 2>/dev/null | grep -qi 'noto.*arab' || missing="$missing fontconfig fonts-noto-core"
[ -z "$missing" ] && exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
