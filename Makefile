# The two commands of the README. Both are safe to run twice.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
INSTALLED := $(VENV)/installed
# Warnings are errors in child processes too; the development mode reports files left open.
PYTEST := PYTHONDEVMODE=1 PYTHONWARNINGS=error $(VENV)/bin/pytest -n auto

# Tests that run kernels on little data.
KERNEL_TESTS := tests/indexes tests/contract tests/durability/test_kinds.py tests/retrieval/filters \
	tests/retrieval/test_filtering.py tests/retrieval/test_families.py \
	tests/retrieval/test_collection_equivalence.py

.PHONY: demo test lint types unit boundscheck interpreted

demo: $(INSTALLED)
	$(VENV)/bin/retrieval demo

test: lint types unit boundscheck interpreted

lint: $(VENV)/installed-test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/installed-test
	$(VENV)/bin/mypy

unit: $(VENV)/installed-test
	$(PYTEST)

# Kernels that test every index before they use it.
boundscheck: $(VENV)/installed-test
	NUMBA_BOUNDSCHECK=1 HYPOTHESIS_PROFILE=few $(PYTEST) $(KERNEL_TESTS)

# Kernels as plain Python.
interpreted: $(VENV)/installed-test
	NUMBA_DISABLE_JIT=1 HYPOTHESIS_PROFILE=few \
		$(PYTEST) -m "not compiled" $(KERNEL_TESTS)

# torch comes first and pinned, so that a range cannot pull in another build of it.
$(INSTALLED): pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt torch
	$(PIP) install --quiet --constraint constraints.txt --editable '.[models,minilm]'
	touch $@

$(VENV)/installed-test: $(INSTALLED)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[models,minilm,test]'
	touch $@
