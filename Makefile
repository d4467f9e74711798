# make demo and make test need Python >= 3.11 and nothing else: the first of them makes the environment .venv.
#
#   VENV=path      another environment (made if it is not there)
#   PYTHON=path    the interpreter to make it with
#   ARGS="..."     more arguments for the program that a target runs: make test ARGS="-k vmap"

SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= auto
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench bench-jit clean

help:
	@echo "make demo       see what the library does"
	@echo "make test       run all tests: the package's, its docstrings' and documents' examples"
	@echo "make lint       check style and types"
	@echo "make format     sort imports and mend what the linter can mend"
	@echo "make bench      measure eager work beside hand-written NumPy and the installed peers"
	@echo "make bench-jit  the same of compiled work"
	@echo "make clean      remove the environment and all caches"

demo: $(READY)
	@"$(BIN)/python" examples/tour.py $(ARGS)

# One worker a core already: BLAS threads beside them would fight for the same cores.
test: $(READY)
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest --doctest-modules -n $(WORKERS) $(ARGS) functorch_lite tests

lint: $(READY)
	@"$(BIN)/python" -m ruff check .
	@"$(BIN)/python" -m mypy

format: $(READY)
	@"$(BIN)/python" -m ruff check --fix .

bench: $(READY)
	@"$(BIN)/python" -m pip install --quiet -e '.[bench]'
	@"$(BIN)/python" benchmarks/eager.py $(ARGS)

bench-jit: $(READY)
	@"$(BIN)/python" benchmarks/jit.py $(ARGS)

clean:
	rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is up to date when its stamp is younger than pyproject.toml. An environment that has no pip was left
# half made; making it again completes it.
$(READY): pyproject.toml
	@if ! "$(BIN)/python" -m pip --version >/dev/null 2>&1; then \
	    chosen=; old=; \
	    for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	        command -v "$$python" >/dev/null 2>&1 || continue; \
	        if ! "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	            old="$$old $$python (older than 3.11)"; \
	        elif ! "$$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then \
	            old="$$old $$python (without the modules venv and ensurepip; Debian and Ubuntu: apt install python3-venv)"; \
	        else chosen=$$python; break; fi; \
	    done; \
	    if [ -z "$$chosen" ]; then \
	        echo "functorch_lite needs Python >= 3.11; found:$${old:- none}." >&2; \
	        echo "Install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; \
	    fi; \
	    echo "Making the environment $(VENV) with $$("$$chosen" --version) ..."; \
	    "$$chosen" -m venv "$(VENV)"; \
	fi
	@echo "Installing functorch_lite, its tests' and examples' requirements into $(VENV) (a minute, once) ..."
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -e '.[test,examples]'
	@touch "$@"
