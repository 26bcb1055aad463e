SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

LAMBDAS := check-manifest promote-images verify-pull
INVOKE := $(addprefix invoke-,$(LAMBDAS))
VENV := .tools/venv
PYTHON := PYTHONPATH=tests $(VENV)/bin/python
CARGO_DENY := 0.20.2
DENY := .tools/cargo/deny-$(CARGO_DENY)
# `make VERBOSE=1 ...` shows what cargo does.
QUIET := $(if $(VERBOSE),,--quiet)

help: ## Show this list
	@awk -F ':.*## ' '/^[^\t#]+:.*## / { sub(/.*INVOKE.*/, "invoke-LAMBDA", $$1); printf "  make %-16s%s\n", $$1, $$2 }' \
	    $(MAKEFILE_LIST)
	@echo "LAMBDA is one of: $(LAMBDAS)"

demo: build tools ## Promote real images across two accounts on this machine, and show it
	@$(PYTHON) demo

test: build tools ## Run every test
	@echo "Rust tests"
	@SKOPEO=$(CURDIR)/.tools/bin/skopeo DOCKER_REGISTRY=$(CURDIR)/.tools/bin/docker-registry cargo test $(QUIET) --locked --workspace
	@echo "Tests of the bootstraps on a local AWS"
	@$(VENV)/bin/pytest tests/pipeline

check: $(DENY) .tools/python ## Lint: clippy, format, dependencies, documentation
	cargo fmt --check
	$(VENV)/bin/ruff format --quiet --check
	$(VENV)/bin/ruff check --quiet
	cargo clippy $(QUIET) --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc $(QUIET) --locked --workspace --no-deps
	tools/deny.sh

bench: build tools ## Measure rate and peak memory of promote-images and drayage with big layers (6 GB of disk)
	@$(PYTHON) bench

build: ## Build the Lambda bootstraps, the command line and the ECR double (release)
	@echo "Building (several minutes the first time)"
	@cargo build $(QUIET) --locked --release --workspace --bins

$(INVOKE): invoke-%: build tools ## Run one Lambda under cargo-lambda with its file in events/
	@$(PYTHON) -m pipeline.invoke $*

tools: .tools/python .tools/skopeo/versions .tools/docker-registry/versions ## Install what tests and demo need into .tools

clean: ## Remove what was built and installed
	rm -rf .tools target

lock-tools: ## Lock tools/requirements.in again (needs pip-compile)
	pip-compile $(QUIET) --upgrade --generate-hashes --strip-extras --no-header --annotation-style line \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --unsafe-package ziglang \
	    --output-file tools/requirements.txt tools/requirements.in
	sed -i '/^# WARNING/,$$d' tools/requirements.txt

.tools/python: tools/requirements.txt tools/python.sh
	@echo "Installing Python packages into .tools"
	@tools/python.sh
	@touch $@

.tools/skopeo/versions: tools/skopeo.sh tools/debian.sh
	@echo "Unpacking skopeo and umoci into .tools"
	@tools/skopeo.sh
	@touch $@

# Both unpack by way of one folder: not at the same time.
.tools/docker-registry/versions: tools/docker-registry.sh tools/debian.sh | .tools/skopeo/versions
	@echo "Unpacking docker-registry into .tools"
	@tools/docker-registry.sh
	@touch $@

$(DENY):
	@echo "Building cargo-deny into .tools (two minutes)"
	@cargo install --quiet --locked --version $(CARGO_DENY) --root .tools/cargo cargo-deny
	@touch $@

.DEFAULT_GOAL := help
.PHONY: help bench demo test check build tools clean lock-tools $(INVOKE)
