#!/bin/sh
# Builds what a validator runs for arm64 and armv7 and runs its tests there,
# under qemu: addresses and numbers of 32 bits, atomics, mapped files.
set -eu
cd "$(dirname "$0")/.."
if ! command -v qemu-arm-static >/dev/null 2>&1; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	echo "installing: qemu-user-static"
	$sudo apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends qemu-user-static >/dev/null
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export CGO_ENABLED=0 GOOS=linux
for target in arm64:qemu-aarch64-static arm:qemu-arm-static; do
	export GOARCH="${target%%:*}" GOARM=7
	echo "$GOARCH: build"
	go build -trimpath -ldflags "-s -w" -o "$tmp/turnike" ./cmd/turnike
	"${target##*:}" "$tmp/turnike" --help >/dev/null
	for pkg in statuslist gate gate/agent; do
		go test -c -o "$tmp/test" "./$pkg"
		# Ten thousand mutations are the same on any processor, and slow here.
		(cd "$pkg" && "${target##*:}" "$tmp/test" -test.skip 'TestMutations|TestEveryByteFlipped' -test.timeout 20m >"$tmp/out") || { cat "$tmp/out"; exit 1; }
		echo "$GOARCH: $pkg ok"
	done
done
