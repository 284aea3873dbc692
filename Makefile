# Each target does all of its own set-up: `make demo` and `make test` work in a fresh clone, without a display or a GPU.
PYTHON ?= python3
VENV ?= .venv
# How many tests run at a time; a file's tests share what they make, so they stay together.
JOBS ?= 2
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-slow test-patients test-all lint install clean

demo: $(INSTALLED)
	$(BIN)/vesalius demo --overwrite -o demo-output

test: lint
	$(BIN)/python -m pytest -m "not slow and not patients" -n $(JOBS) --dist loadfile

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow -n $(JOBS) --dist loadfile

test-patients: $(INSTALLED)
	$(BIN)/python -m pytest -m patients

test-all: test test-slow test-patients

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/pyright

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))" || \
	  { echo "Python 3.10 to 3.13 is needed and $(PYTHON) is $$($(PYTHON) --version 2>&1); name another with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) demo-output build dist .pytest_cache .ruff_cache
