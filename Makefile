# `make` or `make help` lists the targets. Every target sets up what it needs.
PYTHON ?= python3.11
BIN := .venv/bin
TESTERS := $(shell echo $$(($$(nproc) + 1))) # many a test waits for a clock
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup fmt lint type test check demo prove bench pins install uninstall clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## make .venv from the pinned, hashed requirements

# The hashes pin what is installed; --no-build-isolation keeps the build to the pinned hatchling too.
$(READY): requirements-dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install it, or say make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

fmt: $(READY) ## format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(READY) ## ruff, and the import table of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

type: $(READY) ## mypy, strict
	$(BIN)/mypy

test: $(READY) ## every test
	$(BIN)/pytest -n $(TESTERS)

check: lint type test ## what CI runs

demo: $(READY) ## a day's orders against simulated remotes, in a minute or so
	$(BIN)/syncer demo

prove: $(READY) .venv-dbos/.ready ## the long proof: cuts, faults, kills, a long watch; an hour or so
	$(BIN)/python -m tests.prove

bench: $(READY) .venv-dbos/.ready ## figures, as ratios measured side by side
	$(BIN)/python -m tests.benchmarks

# A general engine to compare with, in an environment of its own: syncer never needs it.
.venv-dbos/.ready: requirements-dbos.txt
	test -x .venv-dbos/bin/python || $(PYTHON) -m venv .venv-dbos
	.venv-dbos/bin/python -m pip install --quiet --require-hashes -r requirements-dbos.txt
	@touch $@

pins: ## resolve the requirements again (needs uv on the PATH)
	uv pip compile pyproject.toml --generate-hashes --universal --python-version 3.11 --no-annotate --no-header --quiet -o requirements.txt
	uv pip compile pyproject.toml --extra postgres --generate-hashes --universal --python-version 3.11 --no-annotate --no-header --quiet -o requirements-postgres.txt
	uv pip compile pyproject.toml --group dev --generate-hashes --universal --python-version 3.11 --no-annotate --no-header --quiet -o requirements-dev.txt
	uv pip compile --group pyproject.toml:build --generate-hashes --universal --python-version 3.11 --no-annotate --no-header --quiet -o requirements-build.txt
	uv pip compile --group pyproject.toml:dbos --generate-hashes --universal --python-version 3.11 --no-annotate --no-header --quiet -o requirements-dbos.txt

install: ## install on this machine, or upgrade what is there (as root; see the README)
	PYTHON=$(PYTHON) sh systemd/install.sh

uninstall: ## take the program away; the configuration and the data stay (as root)
	sh systemd/uninstall.sh

clean: ## remove .venv and what the tools left
	rm -rf .venv .venv-dbos .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist
