# sympho: one environment in .venv, made from pinned and hashed requirements. `make help` tells what there is.

PYTHON ?= python3.11
ARGS ?=
STAMP := .venv/.made
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup run test check format bench bench-decisions reference lock clean

help: ## this text
	@echo 'sympho: 中間サーバー・シミュレーター (a simulator; invented people only)'
	@echo
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/  make \1\t\2/p' Makefile | expand -t 24
	@echo
	@echo '  make run ARGS="--data FOLDER"   hands ARGS to `sympho run`'
	@echo '  make test ARGS="tests/unit"     hands ARGS to pytest'

setup: $(STAMP) ## make the environment in .venv (quick when it stands)

$(STAMP): pyproject.toml requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup ## start everything, tell the story, stay up until Ctrl-C
	$(BIN)/sympho run $(ARGS)

test: setup ## run all tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

check: setup ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## measure everything in short form (ARGS: names, --long, --workers N)
	$(BIN)/python -m loadtest.bench $(ARGS)

bench-decisions: setup ## decisions a second, ours beside engines of others
	$(BIN)/python -m loadtest.bench_decisions $(ARGS)

LOCK := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-index-url \
	--no-emit-trusted-host --no-emit-find-links --no-emit-options --annotation-style=line

lock: setup ## write the requirement files anew from pyproject.toml (installs pip-tools into .venv)
	$(BIN)/python -m pip install --quiet pip-tools
	$(LOCK) --output-file=requirements.txt pyproject.toml
	$(LOCK) --extra=load --extra=dev --constraint=requirements.txt --output-file=requirements-dev.txt pyproject.toml

reference: setup ## write docs/reference anew from the code
	$(BIN)/python -m tests.reference

clean: ## remove the environment and every cache
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
