# The README's two commands are `go run ./cmd/executioner run examples/nightly.json`
# and `make test`.
SHELL := /bin/bash
LINT  := go tool -modfile=tools/go.mod golangci-lint

.PHONY: build test cover lint bench bench-store bench-serve fuzz docs setup crash schedules oracle-grammar

build: ## one static binary in bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/executioner ./cmd/executioner

setup: ## install what the tests need
	@scripts/setup

# A program with the race detector waits for a second before it ends, and the tests start
# some thousand of them.
test: setup ## every test, with the race detector
	go vet ./...
	GORACE=atexit_sleep_ms=20 go test -race -timeout 30m ./...

# The packages that only help tests are not counted.
COUNTED = $(shell go list ./internal/... ./cmd/... | grep -vE '/(enginetest|storetest|simtest|pgtest|oratest|oralint|historytest)$$' | paste -sd,)

cover: ## every test once more, without the race detector: at least 90 % of the code must be reached
	go test -coverpkg=$(COUNTED) -coverprofile=coverage.out $(shell go list ./... | grep -v /test/crash) >/dev/null
	@scripts/cover coverage.out

lint: ## formatting, static analysis, import walls
	$(LINT) run ./...

bench: build ## measure, and print the table of bench/README.md
	go run ./bench

bench-store: build ## measure the databases: RUNS=1000000 for the full history; TOLD, ONLY, DIR: see bench/README.md
	go run ./bench/store -runs $(or $(RUNS),100000) $(if $(TOLD),-told $(TOLD)) $(if $(ONLY),-only "$(ONLY)") $(if $(DIR),-dir "$(DIR)")

bench-serve: build ## measure the service: ROUNDS=3 of them, some minutes
	go run ./bench/serve -rounds $(or $(ROUNDS),3)

crash: setup ## kill and starve the program in every way we know, for hours: N=10000 scenarios
	go test -tags failpoints ./internal/failpoint
	go test -timeout 10h ./test/crash -crash.long -crash.n=$(or $(N),10000) -crash.limit=0 -crash.seed=$$(date +%s)
	go test -timeout 1h ./test/e2e -run Upgrades -upgrades 100 -upgraded-jobs 200

schedules: ## compare schedules with their oracle at all changes of all time zones, for some minutes
	go test -timeout 1h ./internal/schedule -run TestEveryZone -schedule.all -v

oracle-grammar: ## parse what is sent to Oracle with its grammar, where that has changed
	@scripts/oracle-grammar

fuzz: ## fuzz each parser for FUZZTIME (default 20s)
	@scripts/fuzz

docs: ## write the generated documents anew
	go test ./internal/cli -run TestCommandReference -update
