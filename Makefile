# Needs Python 3.11 or newer and make; everything else comes into .venv.

VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done || echo python3)
INSTALL := $(if $(shell command -v uv 2>/dev/null),uv pip install --quiet --python $(BIN)/python,\
	$(BIN)/python -m pip install --quiet --disable-pip-version-check)
COMPILE := uv pip compile --quiet --universal --python-version 3.11 \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo serve test check chaos bench lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s  %s\n", $$1, $$2}' Makefile

demo: $(VENV)/run ## see a flow survive the death of its process
	@$(BIN)/python examples/demo/run_demo.py

serve: $(VENV)/run ## the server on 127.0.0.1:4021, data in ./.chaingraph
	@$(BIN)/chaingraph serve

test: $(VENV)/dev ## all tests but the chaos ones; ARGS="-k name" chooses
	@$(BIN)/python -m pytest -ra -n $(JOBS) $(ARGS)

check: $(VENV)/dev ## format, lint, types, layers, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict src tests bench examples/demo
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/test_docs.py

chaos: $(VENV)/dev ## kill workers and databases for some minutes
	@$(BIN)/python -m pytest -ra -m chaos --timeout 900 tests $(ARGS)

bench: $(VENV)/dev ## measure against the targets
	@$(BIN)/python -m bench $(ARGS)

lock: ## pin what pyproject.toml asks for (needs uv)
	$(COMPILE) -o requirements.txt >/dev/null
	$(COMPILE) --group dev -c requirements.txt -o requirements-dev.txt >/dev/null

clean: ## forget .venv, caches and builds; your data in .chaingraph stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build clients/typescript/{node_modules,dist,build}
	find src tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("chaingraph needs Python \
	3.11 or newer; $(PYTHON) is %d.%d. Name another one: make PYTHON=/path/to/python3" \
	% sys.version_info[:2])'
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

# One stamp for users, one for developers: a repeated call installs nothing.
$(VENV)/run: requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing chaingraph and what it needs"
	@$(INSTALL) -r requirements.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/dev: requirements-dev.txt $(VENV)/run
	@echo "Installing what the tests need"
	@$(INSTALL) -r requirements-dev.txt
	@touch $@
