# Everything a person or CI does here. Needs Python 3.11 or newer and make; nothing else.
PYTHON ?= python3
BIN := .venv/bin
OWN := kuntavayla kuntavayla-routing-api kuntavayla-sandbox
LOCK := $(BIN)/uv pip compile pyproject.toml --group dev --python-version 3.11 --universal --generate-hashes --no-header --quiet $(OWN:%=--no-emit-package %)

.PHONY: setup demo day-one test check bench faults lock format snapshots

setup: .venv/ready  ## install the locked dependencies and our own packages into .venv

.venv/ready: requirements.lock shared/pyproject.toml services/routing-api/pyproject.toml deploy/sandbox/pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e shared -e services/routing-api -e deploy/sandbox
	touch $@

lock: setup  ## refresh requirements.lock from the pyproject files; keeps the pins that still fit
	$(LOCK) -o requirements.lock
