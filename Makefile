# The two commands of a newcomer are `make run` and `make test`; `make` alone lists the others.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test test-full bench docs clean

# One set of features for clippy, the tests and the description of the API, so that nothing is built twice.
WORKSPACE := --locked --workspace --features faults,kafka
STEP := @scripts/step

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The dev profile: a release build of everything takes several times as long and a demonstration does not need it.
run: ## Install what is missing, build, and serve the demonstration on http://localhost:8080
	@scripts/setup run
	@echo 'run: building; the first time takes some minutes'
	cargo run --locked -- serve --demo $(ARGS)

test: ## Install what is missing and run every check; what is too slow for it is in test-full
	@scripts/step --begin
	$(STEP) setup scripts/setup test
	$(STEP) format cargo fmt --all --check
	$(STEP) boundaries scripts/boundaries
	$(STEP) boundaries-self-test scripts/boundaries --self-test
	$(STEP) loose-ends scripts/loose-ends
	$(STEP) deployment scripts/deployment
	$(STEP) dependencies scripts/deny
	$(STEP) clippy cargo clippy $(WORKSPACE) --all-targets -- -D warnings
	$(STEP) features scripts/features
	$(STEP) build-tests cargo nextest run $(WORKSPACE) --no-run
	$(STEP) tests scripts/postgres run cargo nextest run $(WORKSPACE) --profile ci
	$(STEP) doc-tests cargo test $(WORKSPACE) --doc --quiet
	@target/debug/opencity openapi >target/openapi.json
	$(STEP) openapi scripts/openapi target/openapi.json
	$(STEP) contracts-self-test scripts/contracts --self-test
	@target/debug/opencity router-config --format caddy --host localhost --output target/router
	$(STEP) contracts scripts/contracts target/router/public
	$(STEP) schemathesis scripts/schemathesis target/debug/opencity
	@scripts/step --summary

test-full: test ## Everything of test, then each crate alone, the long fault runs, the big data, and the images
	$(STEP) crates-alone scripts/features --tests
	$(STEP) schemathesis-long scripts/schemathesis --long target/debug/opencity
	$(STEP) long-tests scripts/postgres run cargo nextest run $(WORKSPACE) --profile full --run-ignored only
	@scripts/setup containers
	$(STEP) traefik scripts/traefik target/debug/opencity
	$(STEP) containers env LTO=$${LTO:-off} scripts/containers
	@scripts/step --summary

# The files are written where the build is, since /tmp may be memory, and the disk is part of what is measured.
bench: ## Measure the release build, for some minutes; docs/performance.md says what the figures mean
	@scripts/setup bench
	@mkdir -p target/tmp
	TMPDIR=$(CURDIR)/target/tmp OPENCITY_TEST_PG_FSYNC=on scripts/postgres run cargo bench --locked --features kafka --bench submissions --bench lists --bench relay --bench jobs $(ARGS)

docs: ## Build the documentation of the code into target/doc
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps

clean: ## Remove what was built and the database of the tests; the data of the demonstration stay
	@scripts/postgres clean || true
	cargo clean
