# Needs python3 (3.10 or newer) with venv, and make. Everything is installed into ./.venv.
PYTHON ?= python3
# Of three test processes on two cores one mostly waits: for Slurm, for Ray, for time to pass.
JOBS ?= 3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet
DEMO := examples/calculator/exp.yaml
# Some outputs are laid out for the terminal; tests that read them want the same width everywhere.
PYTEST := COLUMNS=100 $(BIN)/pytest -n $(JOBS)

.PHONY: demo test check format clean

# What a compile is and does, on the calculator example; then its tools and reward run, with scripted policies. Without
# the model's tokenizer (toolspec fetch) the rehearsal says so, and says nothing of tokens.
demo: .venv/.installed
	$(BIN)/toolspec plan $(DEMO)
	@echo
	$(BIN)/toolspec compile $(DEMO) --force
	@echo
	cat build/calculator/config.yaml
	@echo
	cd build/calculator && ls -l
	@echo
	$(BIN)/toolspec rehearse $(DEMO)

# Everything, the longest files first: files are dealt out in their order, and a long one at the end would run alone.
# What this machine cannot run is skipped with its reason, unless TOOLSPEC_REAL=require.
test: .venv/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) --dist loadfile --no-loadscope-reorder -rs --durations=10

# What to run before a commit: style, types and the unit tests that are not slow, in less than a minute.
check: .venv/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) tests/unit -q -m "not slow"

format: .venv/.developed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "toolspec needs Python 3.10 or newer, this is " + sys.version)'
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml | .venv/bin/python
	$(INSTALL) -e .
	@touch $@

.venv/.developed: pyproject.toml | .venv/bin/python
	$(INSTALL) -e '.[dev]'
	@touch $@ .venv/.installed
