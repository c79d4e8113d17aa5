# make demo   the whole job on videos it makes itself, in a few minutes
# make test   the tests
# make lint   style and types
# make docs   the documentation, into build/site
#
# The first of them makes its own environment in .venv. PYTHON=python3.12 takes another Python (3.10 to 3.13),
# TORCH_INDEX=URL takes PyTorch from another package index, such as its own of builds for the CPU alone.

PYTHON ?= python3
TORCH_INDEX ?=
BIN := .venv/bin
INSTALL = $(BIN)/pip install --no-compile -c constraints.txt -e
# The packages come uncompiled, and compiling them anew in every process would take longer than all else.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint docs
.DELETE_ON_ERROR:

demo: .venv/.demo
	$(BIN)/hrpro demo

test: .venv/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

.venv/.demo: .venv/.made
	$(INSTALL) '.[video]'
	touch $@

# All at once, and what the demo needs is among it: nothing is resolved and built twice.
.venv/.dev: .venv/.made
	$(INSTALL) '.[video,hub,ray,studio,report,docs,dev]'
	touch .venv/.demo $@

.venv/.made: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' || \
		{ echo 'hrpro needs Python 3.10 to 3.13; name one: make PYTHON=python3.12 ...'; exit 1; }
	$(PYTHON) -m venv .venv
	$(if $(TORCH_INDEX),$(BIN)/pip install --no-compile -c constraints.txt --index-url $(TORCH_INDEX) torch)
	touch $@
