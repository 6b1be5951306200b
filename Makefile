# make train   set up a fresh machine and train on the default setting
# make test    set up, check the style, the types and the import rules, and run every test
# make bench   print the benchmark table
# make docs    build the site, build/docs/index.html

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
ARGS ?=

.PHONY: train test bench docs
.DELETE_ON_ERROR:

train: .venv/ready
	$(BIN)/python -m numerics.train $(ARGS)

test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

bench: .venv/ready
	$(BIN)/python -m benchmarks.run $(ARGS)

docs: .venv/ready
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going $(ARGS) docs build/docs

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade -c constraints.txt setuptools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -c constraints.txt -e '.[dev]'
	touch $@
