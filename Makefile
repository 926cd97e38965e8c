# Everything sets itself up: Python 3.11 or newer with venv, and make, are all it takes.
#   make demo    collect a simulated organization and query it
#   make test    linters, types, import contracts and all tests
#   make lint    the same without the tests
#   make bench   compare with what one would write instead (about an hour)
#   make soak    thousands of fault plans and kills (hours; PLANS=5000 KILLS=1000)
#   make clean   remove what the others made

PYTHON ?= python3
WORKERS ?= auto
PLANS ?= 5000
KILLS ?= 1000
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DELETE_ON_ERROR:
.PHONY: demo test lint bench soak clean

demo: $(VENV)/.runtime
	$(BIN)/macie-inventory demo

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: lint
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.run

soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak --plans $(PLANS) --kills $(KILLS)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f macie-inventory-demo.db macie-inventory-demo.db-wal macie-inventory-demo.db-shm
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp for each kind of environment, so that a second call has nothing to do.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.runtime: $(VENV)/.made pyproject.toml constraints.txt
	$(INSTALL) --editable .
	touch $@

# Dependency groups need a newer pip than the one that comes with Python 3.11.
$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	$(INSTALL) --upgrade pip
	$(INSTALL) --group dev --editable .
	touch $(VENV)/.runtime $@

$(VENV)/.bench: $(VENV)/.made pyproject.toml constraints.txt
	$(INSTALL) --upgrade pip
	$(INSTALL) --group bench --editable .
	touch $@
