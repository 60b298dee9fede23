# The README's two commands are `go run ./cmd/executioner run examples/nightly.json`
# and `make test`.
SHELL := /bin/bash
LINT  := go tool -modfile=tools/go.mod golangci-lint

.PHONY: build test cover lint bench fuzz docs setup

build: ## one static binary in bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/executioner ./cmd/executioner

setup: ## install what the tests need
	@scripts/setup

test: setup ## every test, with the race detector
	go vet ./...
	go test -race -timeout 12m ./...

# The packages that only help tests are not counted.
COUNTED = $(shell go list ./internal/... ./cmd/... | grep -vE '/(enginetest|storetest|simtest)$$' | paste -sd,)

cover: ## every test once more, without the race detector: at least 90 % of the code must be reached
	go test -coverpkg=$(COUNTED) -coverprofile=coverage.out ./... >/dev/null
	@scripts/cover coverage.out

lint: ## formatting, static analysis, import walls
	$(LINT) run ./...

bench: build ## measure, and print the table of bench/README.md
	go run ./bench

fuzz: ## fuzz each parser for FUZZTIME (default 20s)
	@scripts/fuzz

docs: ## write the generated documents anew
	go test ./internal/cli -run TestCommandReference -update
