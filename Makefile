# Two commands need nothing but python3 (3.11 or newer), make and git: `make drill` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOCKED := $(VENV)/.locked
READY  := $(VENV)/.ready

# Hundreds of processes are started by the tests: without the bytecode of the first one each compiles all of the source.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: playbooks figures help setup drill check test soak bench lint types unit kinds seen lock clean

help:    ## what can be made
	@grep -E '^[a-z]+: .*##|^[a-z]+: +##' $(MAKEFILE_LIST) | sed -E 's/:.*## */: /' | column -t -s: 2>/dev/null

setup: $(READY) ## a .venv from the lock

$(LOCKED): requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "faildrill needs Python 3.11 or newer; name one with PYTHON=python3.x")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(READY): $(LOCKED) pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

drill: $(READY) ## crash the primary of a real cluster on the embedded lab, judge it, report it
	$(BIN)/faildrill run drills/postgres-primary-crash.yaml --env lab

lint: $(READY) ## style, import contracts, and that each sentence of docs/judging.md is a test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --verbose 2>&1 | tail -n 12 && $(BIN)/lint-imports >/dev/null
	$(BIN)/pytest -q -p no:cacheprovider tests/unit/judging/page/test_the_page.py

figures: $(READY) ## what can be counted of the source, and its goals; OF=noqa lists the places behind a figure
	@PYTHONPATH=tests $(BIN)/python -m support.house $(OF)

playbooks: $(READY) ## ansible-lint (half a minute)
	$(BIN)/ansible-lint --offline -q playbooks/

types: $(READY) ## mypy --strict
	$(BIN)/mypy

unit: $(READY) ## the tests that need no lab
	$(BIN)/pytest -q -n 4 --dist loadfile tests/unit

check: $(READY) ## lint, types, contracts and the tests that need no lab, side by side
	@$(MAKE) --no-print-directory --jobs=2 lint types unit

test: lint types ## everything, the lab's tests included; most of them wait for a failover, so three files run at a time
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --reruns 1 -rR

kinds: $(READY) ## bring docs/kinds.md up to date
	$(BIN)/faildrill explain --markdown > docs/kinds.md

seen: $(READY) ## take from the runs below OF=FOLDER which kinds acted and were undone, for docs/kinds.md
	PYTHONPATH=tests $(BIN)/python -m support.seen $(OF)
	@$(MAKE) --no-print-directory kinds

lock: ## write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --extra lab --extra postgres --extra ansible --extra aws --extra calendar --extra dns --extra nginx --extra otel --extra watch --group dev --upgrade pyproject.toml -o requirements.lock

soak: $(READY) ## the promises of safety and of measuring with their full figures, printed with machine and date (hours)
	$(BIN)/pytest tests/safety tests/lab/test_lab_kills.py --soak --timeout=0 --ignore=tests/safety/test_schedules.py
	$(BIN)/pytest -n 2 tests/safety/test_schedules.py --soak --timeout=0
	$(BIN)/pytest -n 2 tests/oracle --soak --timeout=0
	$(BIN)/pytest -n 2 tests/unit/history tests/unit/bundling --soak --timeout=0
	$(BIN)/pytest tests/lab/test_thirty_drills.py tests/lab/test_leftovers.py --soak --timeout=0
	$(BIN)/pytest tests/lab/test_liars.py tests/lab/test_half_way.py --soak --timeout=0
	$(BIN)/pytest tests/lab/test_hosts.py tests/lab/test_hosts_cut_short.py -k "nothing_acts_after or nothing_of_a_playbook" --soak --timeout=0

bench: $(READY) ## measure beside other tools (about 20 minutes) and write docs/benchmarks.md; SECTIONS="ledger --quick"
	PYTHONPATH=tests $(BIN)/python -m benchmarks --write $(SECTIONS)

clean: ## remove what was built; never a report
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
