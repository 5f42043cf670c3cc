# Every target sets up what it needs in .venv, once; needs Python 3.11 or newer with pip and venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test check format bench docs clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo  ## explain one review by eleven methods, side by side: a table here, and report.html
	$(BIN)/heedful demo

test: $(VENV)/.test  ## the whole test suite, in parallel
	$(BIN)/python -m pytest -n auto --dist worksteal

check: $(VENV)/.test  ## lint, format and types, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.test  ## put the code into the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test  ## the benchmarks, side by side with other tools
	$(BIN)/python benchmarks/lime_vs_lime.py

docs: $(VENV)/.test  ## the site, into docs/_build/html; warnings are errors, and so are broken links and foreign requests
	$(BIN)/python -m sphinx -W --keep-going -n -b html docs docs/_build/html

clean:  ## remove the environment and everything built
	rm -rf $(VENV) build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "heedful needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.demo
