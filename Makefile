# On a Debian machine with Python 3.11 and nothing else:
#
#   make demo       install what the demonstration needs, then run it
#   make test       install what the checks need, then run all of them but those marked slow
#   make test-all   the slow ones too
#   make lint       style, types and import layers only
#   make ngspice    only the simulator (as root)
#   make clean      remove the virtual environment and everything built
#
# Another Python: make PYTHON=/usr/bin/python3.12 test

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3; do \
    "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && exit; \
    done; echo python3)
VENV ?= .venv
BIN = $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# One process for each processor, and all tests of a file in one of them: they share what is costly to make.
PYTEST = $(BIN)/python -m pytest -n logical --dist loadfile --no-loadscope-reorder

.PHONY: help demo test test-all lint ngspice clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.installed
	$(BIN)/circuitxbar demo

# One thread each: more of them only wait for each other on arrays of this size.
test test-all: export OPENBLAS_NUM_THREADS = 1
test test-all: export OMP_NUM_THREADS = 1

# pytest comes last, so that its summary closes the output.
test: lint $(VENV)/.ngspice
	$(PYTEST) -m "not slow"

test-all: lint $(VENV)/.ngspice
	$(PYTEST) --hypothesis-profile=exploring

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

ngspice:
	sh setup/system-packages.sh ngspice

$(VENV)/.ngspice: setup/system-packages.sh | $(VENV)/.made
	sh setup/system-packages.sh ngspice
	@touch $@

$(VENV)/.made:
	sh setup/system-packages.sh python "$(PYTHON)"
	"$(PYTHON)" -m venv $(VENV)
	@touch $@

# The build backend comes first, at its pinned version, so that pip fetches no other one for the build.
$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/.made
	$(INSTALL) hatchling editables
	$(INSTALL) --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) --no-build-isolation -e '.[ngspice,dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find circuitxbar tests -name __pycache__ -prune -exec rm -rf {} +
