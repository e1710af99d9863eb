# Everything this repository can be asked to do. `make help` lists it; the
# tools it needs are built into bin/, which git ignores.

.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

# The modules of go.work, which is the one place that lists them.
MODULES := $(shell sed -n 's|^\t\./\(.*\)|\1|p; s|^\t\.$$|.|p' go.work)
# Where internal/tool builds the tools. Their modules are outside go.work, as their requirements
# conflict.
BIN := $(CURDIR)/bin/$(shell go env GOVERSION)
LINT := $(BIN)/golangci-lint
GOTESTSUM := $(BIN)/gotestsum
# What tests run against.
SERVERS := $(addprefix $(BIN)/,jaeger prometheus promtool alertmanager amtool victoria-logs)

# One run over all modules. It ends in how many tests there were, and fails if
# there was none.
GOTEST = $(GOTESTSUM) --format-hide-empty-pkg --post-run-command='sh -c "[ $$TESTS_TOTAL != 0 ] || { echo no test ran; exit 1; }"'
PACKAGES := $(MODULES:%=./%/...)

# What a user may set: make fuzz FUZZTIME=5m, make sim SIMFLAGS=-sim.seed=7 …
ARGS ?=
BENCH ?= .
BENCHFLAGS ?=
CRASHFLAGS ?=
FUZZTIME ?= 30s
SIMFLAGS ?=
SOAKFLAGS ?=
SOAKTIME ?= 10m
TESTFLAGS ?=

# each runs a command in every module and goes on after a failure, so that one
# run reports all there is to repair.
each = @failed=; for m in $(MODULES); do (cd "$$m" && $(1)) || failed="$$failed $$m"; done; \
	if [ -n "$$failed" ]; then echo "make $@: failed in:$$failed" >&2; exit 1; fi

.PHONY: help
help: ## list what make can do
	@echo 'make TARGET, where TARGET is one of:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: ## start the example shop (ARGS='-load 50' places orders by itself)
	@go run ./examples/shop $(ARGS)

.PHONY: setup
setup: ## install a C compiler, Chromium and Postgres, and build the servers that tests run against
	@./tools/setup.sh
	@go run ./internal/tool/build $(notdir $(SERVERS) $(GOTESTSUM))

.PHONY: test
test: setup ## run every test of every module under the race detector
	@$(GOTEST) -- -race -shuffle=on -timeout=45m -p $$(go run ./internal/tool/atonce) $(TESTFLAGS) $(PACKAGES)

# The oldest supported release of Go is the one of go.mod, which all else runs with.
NEWEST ?= go1.27.3
PICTURES := docs/pictures
.PHONY: pictures
pictures: setup ## make the pictures of the README again: the shop, the console, a trace, a dashboard
	@dir=$$(mktemp -d) && mkdir -p $(PICTURES) && \
	go test -count=1 ./examples/shop -run 'ArriveInTheBrowser|FollowsATrace|ConsolesPicture' -args -screenshots "$$dir" && \
	go test -count=1 ./examples/stack -run 'TestEachScenario/scenarios/panic_storm$$' -args -pictures "$$dir" && \
	for name in shop console trace; do cp "$$dir/picture-$$name.png" $(PICTURES)/$$name.png || exit; done && \
	cp "$$dir/panic-storm/callback-small.png" $(PICTURES)/dashboard.png && \
	rm -r "$$dir" && ls -l $(PICTURES)

.PHONY: newest
newest: ## run the tests of the library with the newest release of Go (NEWEST=go1.27.3)
	@GOTOOLCHAIN=$(NEWEST) go test -shuffle=on $(TESTFLAGS) ./console/... ./histogram/... ./runner/... ./telemetry/...

.PHONY: race
race: test ## the same as test, which always runs under the race detector

.PHONY: check
check: static short ## the quick gate before each commit: static checks and short tests

.PHONY: static
static: format vet tidy ## the static half of check: gofmt, go vet, go mod tidy

.PHONY: short
short: $(SERVERS) $(GOTESTSUM) ## the tests that are quick, without the race detector
	@$(GOTEST) --hide-summary=skipped -- -short -shuffle=on $(TESTFLAGS) $(PACKAGES)

.PHONY: format
format:
	@bad=$$(gofmt -l .) || exit 1; \
	if [ -n "$$bad" ]; then echo "not formatted; run: gofmt -w" $$bad >&2; exit 1; fi

# GOWORK=off proves that each module builds with its own go.mod alone; the
# tests run in the workspace and so cover the other half.
.PHONY: vet
vet: export GOWORK := off
vet:
	$(call each,go vet ./...)

# A tool's go.mod has what its build needs, or the build says so. To compare it with go mod tidy
# would fetch a thousand modules that nothing here builds.
.PHONY: tidy
tidy: export GOWORK := off
tidy:
	@failed=; for m in $(MODULES); do go -C "$$m" mod tidy -diff >/dev/null || failed="$$failed $$m"; done; \
	if [ -n "$$failed" ]; then echo "not tidy; run GOWORK=off go mod tidy in:$$failed" >&2; exit 1; fi

.PHONY: lint
lint: $(LINT) ## run the linters of .golangci.yml on every module
	@$(LINT) run $(LINTFLAGS) $(PACKAGES)

# go build knows whether a tool is up to date. If so, it only renews the file's time.
$(BIN)/%: $(wildcard tools/*/go.mod)
	@go run ./internal/tool/build $*

.PHONY: sim
sim: ## run the runner's simulator for a million steps (SIMFLAGS='-sim.seed=N -sim.steps=N')
	@go test ./runner/tests -run='^TestSim$$' -count=1 -v -timeout=0 -sim.steps=1000000 $(SIMFLAGS)

.PHONY: soak
soak: ## run a server at saturation for SOAKTIME (10m; SOAKFLAGS=-soak.strict)
	@go test ./internal/soak -run='^TestSoak$$' -count=1 -v -timeout=0 -soak.time=$(SOAKTIME) $(SOAKFLAGS)

.PHONY: crash
crash: ## kill workers of durable tasks 100 times on each engine (CRASHFLAGS=-crash.seed=N)
	@go test ./durable/tests/crash -count=1 -v -parallel=16 -timeout=0 -crash.rounds=100 -crash.deadafter=3s -crash.slow=3m $(CRASHFLAGS)

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (30s)
	$(call each,FUZZTIME=$(FUZZTIME) $(CURDIR)/tools/fuzz.sh)

# Peers side by side. The figures are only as good as the machine is quiet.
.PHONY: bench
bench: ## measure beside the peers, into benchmarks/RESULTS.md (ten minutes)
	@go run ./benchmarks -out benchmarks -command 'make bench'

.PHONY: bench-quick
bench-quick: ## the same in short; prints (BENCHFLAGS='-only throughput,http')
	@go run ./benchmarks -quick -command 'make bench-quick' $(BENCHFLAGS)

.PHONY: microbench
microbench: ## run the benchmarks of the tests (BENCH=regexp BENCHFLAGS='-count=6')
	$(call each,go test -run='^$$' -bench='$(BENCH)' -benchmem $(BENCHFLAGS) ./...)

# Compared with the state before, so that it can be run on unfinished work.
.PHONY: generate
generate: ## renew generated files; fails if that changes any
	@state() { git status --porcelain && git diff HEAD | git hash-object --stdin; }; \
	before=$$(state) || exit 1; \
	for m in $(MODULES); do (cd "$$m" && go generate ./...) || exit 1; done; \
	after=$$(state) || exit 1; \
	if [ "$$before" != "$$after" ]; then \
		git status --short >&2; \
		echo 'make generate: generated files were out of date; commit the ones above that changed' >&2; exit 1; \
	fi

.PHONY: clean
clean: ## remove built tools and test binaries
	@rm -rf bin
	@find . -name '*.test' -type f -not -path './.git/*' -exec rm -f {} +
