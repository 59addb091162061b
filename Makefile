# Everything a person or CI does here. Needs Python 3.11 or newer and make; with Kafka Java 17 and Maven too.
PYTHON ?= python3
BIN := .venv/bin
# Of two cores a worker each leaves a third idle: half of a test is waiting for its database.
WORKERS ?= 3
OWN := kuntavayla kuntavayla-routing-api kuntavayla-statement-relay kuntavayla-quota-ledger kuntavayla-sandbox
PARTS := shared services/routing-api services/statement-relay services/quota-ledger deploy/sandbox
LOCK := $(BIN)/uv pip compile pyproject.toml --group dev --python-version 3.11 --universal --generate-hashes --no-header --quiet $(OWN:%=--no-emit-package %)

# pytest rewrites each assertion; kept between runs, that is done once and not by each worker each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo day-one test explore journey check bench faults lock format snapshots kafka demo-kafka

setup: .venv/ready  ## install the locked dependencies and our own packages into .venv

.venv/ready: requirements.lock $(PARTS:%=%/pyproject.toml)
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(PARTS:%=-e %)
	touch $@

lock: setup  ## refresh requirements.lock from the pyproject files; keeps the pins that still fit
	$(LOCK) -o requirements.lock

check: setup  ## lock, format, lint, types, layers: what must hold before a commit
	$(LOCK) -o requirements.lock
	git diff --exit-code requirements.lock
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## put every file into the house's form, mend what can be mended by rule
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

snapshots: setup  ## write openapi.json, asyncapi.json, event schemas and tables of docs anew
	$(BIN)/python -m tests.snapshots

test: setup  ## all tests but bench, faults and journeys, side by side; WORKERS=0 one by one
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

explore: setup  ## search at random for what breaks a property; HYPOTHESIS_SEED=7 repeats a search
	$(BIN)/pytest -m hypothesis --hypothesis-profile=explore $(HYPOTHESIS_SEED:%=--hypothesis-seed=%)

journey: setup  ## the whole system on a real broker; needs Java 17 and Maven
	$(BIN)/pytest -m journey

faults: setup  ## what kills processes, database and broker again and again, or has many at once; SEEDS=50, SEED=7, TRANSPORT=feed
	SEEDS='$(SEEDS)' SEED='$(SEED)' TRANSPORT='$(TRANSPORT)' $(BIN)/pytest -s --show-capture=no -m faults

bench: setup  ## measure beside the floors; ONLY=day-one for one row; growth, relay-outage by name alone
	ONLY='$(ONLY)' $(BIN)/python -m tests.bench

kafka: setup  ## a local broker in the foreground until Ctrl-C; needs Java 17 and Maven
	$(BIN)/python -m kuntavayla_sandbox.broker

demo: setup  ## day one at a tenth of its size, and what came of it
	$(BIN)/kuntavayla demo

demo-kafka: setup  ## the same day over a real broker; needs Java 17 and Maven
	$(BIN)/kuntavayla demo --transport kafka --state .kuntavayla-demo-kafka

day-one: setup  ## day one at its real size
	$(BIN)/kuntavayla demo --full-size
