# The two commands that matter: `make run` (or go run ./cmd/turnike demo) and
# `make test`. The rest is for those who change things.
export CGO_ENABLED ?= 0
export GOFLAGS ?= -mod=readonly
FUZZCOUNT ?= 20000

.PHONY: run build test unit race fuzz crash browser check arm deep generate setup

run:
	go run ./cmd/turnike demo

build:
	go build -trimpath -ldflags "-s -w" -o bin/turnike ./cmd/turnike

# Installs what a plain Debian machine lacks: PostgreSQL, Chromium, Node.js.
setup:
	scripts/setup.sh

# Everything, as CI runs it: well inside 40 minutes on two cores.
test: setup unit race crash check browser
	@echo "all green"

unit:
	scripts/house.sh
	go build ./...
	go vet ./...
	go test -timeout 20m ./...

# The race detector where goroutines meet.
race:
	CGO_ENABLED=1 go test -race -timeout 20m $$(cat scripts/race-packages)

# New inputs for every parser; their seeds run as ordinary tests in unit.
fuzz:
	scripts/fuzz.sh $(FUZZCOUNT)

# 1,000 kill -9 under load: nothing acknowledged may be lost.
crash:
	TURNIKE_CRASH_CYCLES=$${TURNIKE_CRASH_CYCLES:-1000} go test -timeout 20m -count 1 ./test/crash/...

check: build
	bin/turnike demo --check

browser: build
	test/browser/run.sh

# The validator's code on the processors of validators, under qemu.
arm:
	scripts/arm.sh

# The long ones: hours, not for every change.
deep: setup build arm
	TURNIKE_CRASH_CYCLES=10000 go test -timeout 3h -count 1 ./test/crash/...
	scripts/fuzz.sh 2000000
	TURNIKE_DEEP=1 go test -timeout 3h -count 1 ./internal/rehearse/... ./internal/publish ./internal/storage/... ./statuslist/... ./gate/...
	bin/turnike bench list
	bin/turnike bench pair

generate:
	scripts/generate.sh
	design/build.sh
