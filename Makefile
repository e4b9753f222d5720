# Causeway: set up, try, test. `make` alone lists the targets.
# Each target does its own set-up; what is there already is not done again.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMPS := .make
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# The first of these that is new enough and can make environments; PYTHON=/path/to/python overrides it.
SUITS := 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c $(SUITS) 2>/dev/null && { command -v $$p; break; }; done)
SEEDS ?= 0:300
# The day on which the sandbox's rules are read: its leases and licences have ends.
SANDBOX_DAY := 2026-11-22

# The sandbox's own declaration, whatever fleet the shell is set to.
SANDBOX := inventory/sandbox
# Without root the sandbox has no hosts: then only the stacks of clusters that have none of their own.
STACKS := $(if $(filter 0,$(shell id -u)),,sg-cloud-serving)

.PHONY: help up down test pure soak bench wheel lint format venv system tools requirements clean

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: tools ## from nothing to a sandbox whose fleet is provisioned and serves
	@echo "== sandbox"; $(BIN)/causeway sandbox up --fleet $(SANDBOX)
	@echo "== fleet"; $(BIN)/causeway up $(STACKS) --fleet $(SANDBOX) --yes --refresh --as-of $(SANDBOX_DAY)
	@if [ -z "$(STACKS)" ]; then cat docs/next-steps.txt; else \
		echo "left out: the stacks cn-north-inference and my-johor-training, whose hosts need root (docs/sandbox.md)"; fi

down: ## stop and remove the sandbox
	@$(BIN)/causeway sandbox down --fleet $(SANDBOX)

test: tools ## run the tests; says what it leaves out and why
	@$(BIN)/python -m pytest $(ARGS)

pure: $(STAMPS)/venv ## run the tests of the pure core alone: seconds, and nothing but Python
	@$(BIN)/python -m pytest -q -n auto -m "not sandbox and not tools and not slow and not registry" $(addprefix tests/,fleet catalog capacity policy plan) $(ARGS)

soak: tools ## run the long tests at full length, and all that draws at random: make soak SEEDS=0:1000
	@$(BIN)/python -m pytest -m "slow or seeded" --seeds $(SEEDS) $(ARGS)

wheel: $(STAMPS)/venv ## build the package for repositories of your own: dist/causeway-VERSION-py3-none-any.whl
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist . && ls dist/*.whl

bench: tools ## run the benchmarks
	@for script in bench/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

lint: $(STAMPS)/venv ## style, types, playbooks, charts, and the contract of the layers
	@echo "== ruff"; $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "== mypy"; $(BIN)/mypy
	@echo "== playbooks"; PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint --nocolor -qq playbooks 2>$(STAMPS)/playbooks.log || { cat $(STAMPS)/playbooks.log; exit 1; }
	@echo "== charts"; helm=$$(PATH="$(CURDIR)/$(BIN):$$PATH" command -v helm) || { echo "   left out: no helm (make tools)"; exit 0; }; \
	for values in charts/*/ci/*-values.yaml; do \
		"$$helm" lint --strict "$${values%/ci/*}" --values "$$values" >$(STAMPS)/charts.log 2>&1 || { cat $(STAMPS)/charts.log; echo "   with $$values"; exit 1; }; \
	done
	@echo "== layers"; $(BIN)/lint-imports --no-cache >$(STAMPS)/layers.log || { cat $(STAMPS)/layers.log; exit 1; }; tail -n 2 $(STAMPS)/layers.log

format: $(STAMPS)/venv ## let ruff mend what it can
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format .

venv: $(STAMPS)/venv ## make .venv with everything that Python carries

system: $(STAMPS)/venv ## install the system's packages that lack, or say how
	@$(BIN)/python -m causeway.toolchain system

tools: system ## build the command-line tools that this machine lacks
	@echo "== command-line tools"; SECONDS=0; \
	$(BIN)/python -m causeway.toolchain build --install-go && echo "   command-line tools: $$SECONDS s"

# Without a Python that can make environments, root on Debian or Ubuntu gets one; anybody else is told.
$(STAMPS)/venv: requirements-dev.txt pyproject.toml
	@mkdir -p $(STAMPS); if command -v flock >/dev/null; then exec 9>$(STAMPS)/venv.lock; flock 9; fi; \
	python='$(PYTHON)'; \
	if [ -z "$$python" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "== installing python3-venv"; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3 python3-venv >/dev/null; \
		python3 -c $(SUITS) 2>/dev/null && python="$$(command -v python3)"; \
	fi; \
	if [ -z "$$python" ]; then \
		echo "error: Causeway needs Python 3.11 or newer with its venv module, and found none on PATH."; \
		echo "  to do: on Debian or Ubuntu: sudo apt-get install python3 python3-venv"; \
		echo "         or name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; \
	fi >&2; \
	echo "== Python environment $(VENV), from $$python (about a minute the first time)"; SECONDS=0; \
	{ $(BIN)/python -c $(SUITS) 2>/dev/null || "$$python" -m venv --clear $(VENV); } && \
	$(PIP) --require-hashes -r requirements-dev.txt && \
	$(PIP) --no-deps --no-build-isolation -e . && \
	touch $@ && echo "   Python environment: $$SECONDS s"

requirements: $(STAMPS)/venv ## pin the newest versions that pyproject.toml allows
	@test -x $(STAMPS)/uv/bin/uv || { $(BIN)/python -m venv $(STAMPS)/uv && $(STAMPS)/uv/bin/python -m pip install --quiet uv; }
	@for set in "requirements.txt --extra up pyproject.toml" \
		"requirements-dev.txt --extra up --group dev -c requirements.txt pyproject.toml" \
		"requirements-go.txt --group pyproject.toml:go"; do \
		echo "== $${set%% *}"; \
		$(STAMPS)/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
			--custom-compile-command "make requirements" -o $$set >/dev/null || exit 1; done

clean: ## remove what was built and cached; the sandbox and its state stay (make down)
	@rm -rf $(VENV) $(STAMPS) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find infra tests bench playbooks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
