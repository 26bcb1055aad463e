SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

LAMBDAS := check-manifest promote-images verify-pull
INVOKE := $(addprefix invoke-,$(LAMBDAS))
VENV := .tools/venv
PYTHON := PYTHONPATH=tests $(VENV)/bin/python
# Cargo makes a job server of its own. That of `make --jobs` is open to no program but make, and rustdoc would say so.
APART := env --unset=MAKEFLAGS --unset=MFLAGS
# Two at a time, each with a local AWS of its own.
PYTEST := $(APART) $(VENV)/bin/pytest --numprocesses=2 --dist=worksteal
CARGO_DENY := 0.20.2
DENY := .tools/cargo/deny-$(CARGO_DENY)
CARGO_FUZZ := 0.13.2
FUZZ := .tools/cargo/fuzz-$(CARGO_FUZZ)
# `make VERBOSE=1 ...` shows what cargo does.
QUIET := $(if $(VERBOSE),,--quiet)

# Built for this machine's architecture unless ARCH says otherwise. Another one is built by cargo-lambda with zig, and with
# ZIG=yes so is this one, where glibc is newer than that of provided.al2023.
HOST := $(patsubst aarch64,arm64,$(shell uname -m))
ARCH ?= $(HOST)
ZIG ?= $(if $(filter $(HOST),$(ARCH)),,yes)
BOOTSTRAP = target/$(if $(ZIG),lambda/$(ARCH)/$*/bootstrap,$(if $(LOCAL),,functions/)release/$*)
# LOCAL=yes is for a local AWS, which starts them with the glibc of this machine, however new that is.
PACKAGES := target/package/$(if $(LOCAL),local,$(if $(ZIG),zig-)$(ARCH))
ZIPS := $(LAMBDAS:%=$(PACKAGES)/%.zip)
# All of the workspace is selected also where few binaries are built: with fewer packages its dependencies would have other
# features, and be built twice.
CARGO_BUILD = $(APART) cargo build $(QUIET) --locked --release --workspace $(or $(BINS:%=--bin %),--bins)
CARGO_LAMBDA_BUILD := PATH=$(CURDIR)/.tools/zig/ziglang:$$PATH $(VENV)/bin/cargo-lambda lambda build $(QUIET) --locked --release \
    --$(subst _,-,$(ARCH)) --lambda-dir target/lambda/$(ARCH) $(addprefix --package ,$(LAMBDAS))

# What is deployed is built apart from the command line, whose dependencies have features that functions have no use for.
FUNCTIONS_BUILD := $(APART) cargo build $(QUIET) --locked --release --target-dir target/functions $(addprefix --package ,$(LAMBDAS))

# What is deployed to AWS, with the credentials and the region that the AWS CLI finds. Version 2 of it would page its answers.
ENV ?= dev
UPDATE := $(addprefix update-,$(LAMBDAS))
export AWS_PAGER :=

help: ## Show this list
	@awk -F ':.*## ' '/^[^\t#]+:.*## / { sub(/.*INVOKE.*/, "invoke-LAMBDA", $$1); printf "  make %-19s%s\n", $$1, $$2 }' \
	    $(MAKEFILE_LIST)
	@echo "LAMBDA is one of: $(LAMBDAS)"

demo: BINS := $(LAMBDAS) ecr-double
demo: build tools ## Run the whole pipeline on this machine, and show it (KEEP=1 leaves it running)
	@KEEP='$(KEEP)' $(PYTHON) demo

# What is built for AWS is tested beside all else, which takes about as long. Each part is printed whole when it ends.
test: ## Run every test
	@$(MAKE) --jobs=2 --output-sync=target test-pipeline test-rust test-fuzz test-static

test-pipeline: build tools
	@echo "Tests of the bootstraps on a local AWS"
	@$(PYTEST) tests/pipeline

test-rust: .tools/skopeo/versions .tools/docker-registry/versions
	@echo "Rust tests"
	@$(APART) SKOPEO=$(CURDIR)/.tools/bin/skopeo DOCKER_REGISTRY=$(CURDIR)/.tools/bin/docker-registry \
	    cargo test $(QUIET) --locked --workspace

test-fuzz: $(FUZZ)
	@echo "Fuzzing, a little"
	@$(APART) tools/fuzz.sh short

test-static: .tools/python .tools/node/versions
	@echo "Static checks of the state machines and the templates"
	@$(PYTEST) tests/static

fuzz: $(FUZZ) ## Fuzz the parsers of what others write (TARGET=link, SECONDS=600 for each)
	@tools/fuzz.sh long $(or $(SECONDS),600) $(TARGET)

soak: ## Promote 1,000 images to 10 targets, while requests fail at random (10 minutes)
	@cargo test $(QUIET) --locked --package registry --test soak -- full

check: $(DENY) .tools/python .tools/node/versions ## Lint: clippy, format, dependencies, documentation, machines, templates
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	$(VENV)/bin/ruff format --quiet --check
	$(VENV)/bin/ruff check --quiet
	$(PYTEST) tests/static
	cargo clippy $(QUIET) --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc $(QUIET) --locked --workspace --no-deps
	tools/deny.sh

bench: build tools ## Measure Transship beside skopeo, crane and regctl, 15 minutes (ROWS="release index", ROUNDS=3)
	@$(PYTHON) bench $(ROWS)

.PHONY: bench-docs
bench-docs: .tools/python ## Bring what was measured last into docs/benchmarks.md
	@$(PYTHON) bench --docs

build: $(if $(ZIG),.tools/python .tools/zig/versions) ## Build the Lambda bootstraps; here (no ARCH, no ZIG) all else, too
	@echo "Building (several minutes the first time)"
	@$(if $(ZIG),$(CARGO_LAMBDA_BUILD),$(CARGO_BUILD))

$(INVOKE): invoke-%: build tools ## Run one Lambda under cargo-lambda with its event (RELEASE=DIR: your release)
	@RELEASE='$(RELEASE)' $(PYTHON) -m pipeline.invoke $*

package: $(if $(LOCAL)$(ZIG),build,functions) ## Make the packages that are deployed (ARCH=arm64 or x86_64)
	@$(MAKE) packages

.PHONY: functions
functions:
	@echo "Building what is deployed (several minutes the first time)"
	@$(FUNCTIONS_BUILD)

# Of what is built already.
packages: $(ZIPS)

.SECONDEXPANSION:
$(ZIPS): $(PACKAGES)/%.zip: $$(BOOTSTRAP) tools/package.py
	@tools/package.py zip $(if $(LOCAL),local,$(ARCH)) $< $@

DEPLOY := ENV='$(ENV)' MODE='$(MODE)' ARCH='$(ARCH)' PACKAGES='$(PACKAGES)' CODE_BUCKET='$(CODE_BUCKET)' \
    PARAMETERS='$(PARAMETERS)' tools/deploy.sh

# What is missing is said before several minutes of building.
.PHONY: ready-to-deploy
ready-to-deploy:
	@$(DEPLOY) ready

deploy: ready-to-deploy package ## Deploy cloudformation.template (CODE_BUCKET=, ENV=dev, MODE=single, PARAMETERS="Key=Value ..." or FILE.json)
	@$(DEPLOY) deploy

deploy-target: ## Deploy cloudformation-target.template (ENV=dev, PARAMETERS="DeployerAccount=... Key=Value ..." or FILE.json)
	@$(DEPLOY) target

# Code that `make deploy` brought last is not brought back by it: to CloudFormation nothing has changed. This brings it back.
update-lambda-code: $(or $(LAMBDA:%=update-%),$(UPDATE)) ## Replace only the code of the Lambdas (ENV=dev, LAMBDA=promote-images)

$(UPDATE): update-%: package
	@echo "Updating $(ENV)-aws-deployer-$*"
	@aws lambda update-function-code --function-name $(ENV)-aws-deployer-$* --zip-file fileb://$(PACKAGES)/$*.zip \
	    --architectures $(ARCH) --query CodeSha256 --output text
	@aws lambda wait function-updated --function-name $(ENV)-aws-deployer-$*

tools: .tools/python .tools/node/versions .tools/skopeo/versions .tools/docker-registry/versions ## Install what tests and demo need into .tools

clean: ## Remove what was built and installed
	rm -rf .tools target

lock-tools: ## Lock tools/requirements.in and tools/package.json again (needs pip-compile)
	pip-compile $(QUIET) --upgrade --generate-hashes --strip-extras --no-header --annotation-style line \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --unsafe-package ziglang \
	    --output-file tools/requirements.txt tools/requirements.in
	sed -i '/^# WARNING/,$$d' tools/requirements.txt
	tools/node.sh lock

.tools/python: tools/requirements.txt tools/python.sh
	@echo "Installing Python packages into .tools"
	@tools/python.sh
	@touch $@

.tools/node/versions: tools/package.json tools/package-lock.json tools/node.sh | .tools/python
	@echo "Installing npm packages into .tools"
	@tools/node.sh
	@touch $@

.tools/zig/versions: tools/zig.txt tools/zig.sh | .tools/python
	@echo "Installing zig into .tools (400 MB, only to build for another architecture or for an older glibc)"
	@tools/zig.sh
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

# Not optimised: it only starts cargo.
$(FUZZ):
	@echo "Building cargo-fuzz into .tools"
	@$(APART) cargo install --quiet --locked --debug --version $(CARGO_FUZZ) --root .tools/cargo cargo-fuzz
	@touch $@

.DEFAULT_GOAL := help
.PHONY: help bench demo test test-pipeline test-rust test-fuzz test-static fuzz soak check build package packages deploy deploy-target update-lambda-code $(UPDATE) tools clean lock-tools $(INVOKE)
