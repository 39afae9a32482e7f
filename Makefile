# The two commands of the README. Both are safe to run twice.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
INSTALLED := $(VENV)/installed

.PHONY: demo test lint types unit

demo: $(INSTALLED)
	$(VENV)/bin/retrieval demo

test: lint types unit

lint: $(VENV)/installed-test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/installed-test
	$(VENV)/bin/mypy

unit: $(VENV)/installed-test
	$(VENV)/bin/pytest -n auto

# torch comes first and pinned, so that a range cannot pull in another build of it.
$(INSTALLED): pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt torch
	$(PIP) install --quiet --constraint constraints.txt --editable '.[models,minilm]'
	touch $@

$(VENV)/installed-test: $(INSTALLED)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[models,minilm,test]'
	touch $@
