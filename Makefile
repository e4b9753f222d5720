# Causeway: set up, try, test. `make` alone lists the targets.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMPS := .make

# The newest supported Python that is here; PYTHON=/path/to/python overrides it.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { command -v $$p; break; }; done)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | while IFS="$$(printf '\t')" read -r target text; do \
		printf '  make %-14s %s\n' "$$target" "$$text"; done

.PHONY: venv
venv: $(STAMPS)/venv ## make .venv with everything that Python carries

$(STAMPS)/venv: requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Causeway needs Python 3.11 or newer with its venv module, and found none."; \
		echo "On Debian or Ubuntu: apt-get install python3 python3-venv. Elsewhere name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; } >&2
	@echo "== Python environment: $(VENV) from $(PYTHON)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@mkdir -p $(STAMPS) && touch $@

.PHONY: requirements
requirements: ## pin the newest versions that pyproject.toml allows
	@test -x $(STAMPS)/uv/bin/uv || { $(PYTHON) -m venv $(STAMPS)/uv && $(STAMPS)/uv/bin/python -m pip install --quiet uv; }
	@for set in "requirements.txt" "requirements-dev.txt --group dev -c requirements.txt"; do \
		$(STAMPS)/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
			--custom-compile-command "make requirements" --extra up pyproject.toml -o $$set >/dev/null || exit 1; done
