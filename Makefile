# Every target sets itself up: uv is taken from the path, or installed into a virtual environment of its own.
SHELL := /bin/bash
.DEFAULT_GOAL := help

TOOLS := .tools
UV := $(or $(shell command -v uv 2>/dev/null),$(TOOLS)/bin/uv)
UV_VERSION := 0.13.8
RUN := $(UV) run --no-sync
PORT ?= 8085
# The lowest and the newest that the lock admits to this Python; Python 3.12 and later have 2.5.5.
NUMPY ?= 2.2.0 2.4.6
PYTHON ?= .venv/bin/python
FIELD_MCP := ibkr-core-mcp[server]==2.1.0
# Of the tests; each starts services of its own, so more than four want more memory than they save time.
WORKERS ?= $(shell python3 -c 'import os; print(max(2, min(os.cpu_count() or 2, 4)))')

export UV_PYTHON_DOWNLOADS := never
# The tests start Python many times: a machine that forbids to keep what was compiled has every one of them compile anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install runtime demo up quick test test-long check types rules suite lint format bench bench-risk bench-backtest bench-gateway adoption policies way-back crash-suite fault-days restore-drills mutants gateway real-gateway replay-numpy inspect field-mcp playground local-backend backend secrets docs clean

help: ## List every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(TOOLS)/bin/uv:
	@echo "uv is missing: installing it into $(TOOLS), 60 MB"
	@python3 -m venv $(TOOLS) && $(TOOLS)/bin/pip install --disable-pip-version-check uv==$(UV_VERSION)

# Silent where nothing is missing, uv's own progress where something is.
SYNC = $(UV) sync --locked $(2) --check --quiet 2>/dev/null || { echo "installing into .venv $(1)"; $(UV) sync --locked $(2); }

install: $(filter $(TOOLS)/%,$(UV)) ## Install everything that the lock file names into .venv
	@$(call SYNC,what runs and what its tests and checks need: up to a gigabyte,$(COMPILED) $(GROUPS))

# What is there besides stays, and what a run imports is compiled when it is imported.
runtime: $(filter $(TOOLS)/%,$(UV)) ## Install what runs, and the sample prices, into .venv
	@$(call SYNC,what a run needs and the sample prices: 210 MB,--no-default-groups --group data --inexact --no-compile-bytecode)

demo: runtime ## Run the daily job for real: simulator, MCP server, agents, fills, ledger, report
	@$(RUN) portfolio demo $(ARGS)

up: runtime ## Simulator, MCP server and service on loopback until Ctrl-C
	@$(RUN) portfolio up $(ARGS)

# Only the tests and the measurements need the libraries that the statistics are held against.
quick test test-long bench-risk bench-backtest adoption policies: GROUPS := --group oracles --group notebooks
# Compiling all that is installed costs more than compiling what the tests import.
quick test test-long: COMPILED := --no-compile-bytecode
# A file's tests stay together, for they share what they have started; the long files come first.
PYTEST = $(RUN) pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder

quick: install ## The unit tests that a change needs; a minute and a half
	@$(PYTEST) tests/unit -m "not slow and not long" --hypothesis-profile=brief -p no:schemathesis $(ARGS)

test: install ## Checks, then all tests but the long ones
	@$(MAKE) --no-print-directory --jobs=2 types suite

# The types take one core as long as everything else that is checked, and half a minute more: the tests begin meanwhile.
suite: rules
	@$(PYTEST) -m "not long" $(ARGS)

test-long: install ## The tests that `make test` leaves out; half an hour
	@$(PYTEST) -m long $(ARGS)

check: install ## Format, lint, types, import contracts, generated documents
	@$(MAKE) --no-print-directory --jobs=2 types rules

types:
	@$(RUN) mypy

rules:
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) lint-imports
	@$(RUN) python -m app.documents --check
	@$(RUN) python -m api_gateway.mcp_server.documents --check

lint: install ## Lint and types only
	@$(RUN) ruff check .
	@$(RUN) mypy

format: install ## Format, and mend what the linter can
	@$(RUN) ruff check --fix --quiet .
	@$(RUN) ruff format .

secrets: ## Make the token and key files that compose.yaml mounts, where they are missing
	@umask 077; mkdir -p secrets; for name in mcp_token ticket_key caller_token; do \
		test -s secrets/$$name || head -c 32 /dev/urandom | base64 | tr -d '/+=\n' >secrets/$$name; done; \
		touch secrets/session_notify_urls

docs: install ## Write the generated documents anew
	@$(RUN) python -m app.documents
	@$(RUN) python -m api_gateway.mcp_server.documents

bench: install ## Measure the daily run, imports, start and memory; a table and JSON
	@$(RUN) python -m compileall -q app api_gateway
	@$(RUN) python -m tests.benchmarks $(ARGS)
	@$(RUN) python -m tests.benchmarks.ledger
	@$(RUN) python -m tests.benchmarks.events
	@$(RUN) python -m tests.benchmarks.kept_inputs
	@$(RUN) python -m tests.benchmarks.risk --days

bench-backtest: install ## Measure a replay of the sample, many policies, and other engines on one rule; some minutes
	@$(RUN) python -m tests.benchmarks.backtest --uv $(UV) $(ARGS)

bench-gateway: install ## Measure reading 500 positions at the broker's real pacing; two minutes
	@$(RUN) python -m tests.benchmarks.gateway $(ARGS)

bench-risk: install ## Measure the statistics, the clusters and every decided day of the sample, on one thread
	@$(RUN) python -m tests.benchmarks.risk $(ARGS)

policies: install ## Write the figures on the pages of the shipped policies, a quarter of an hour; ARGS="--policy NAME" for one
	@$(RUN) python -m tests.policies $(ARGS)

adoption: install ## Meet a book on sixty days under the shipped policies, a year each; two minutes
	@$(RUN) python -m tests.adoption $(ARGS)

way-back: install ## Lead the shipped policies through 60 years, two decades and 1,400 drawn markets; hours
	@$(RUN) python -m tests.way_back $(ARGS)

mutants: install ## Change the gate's source and count what its tests notice
	@$(RUN) python -m tests.mutation.gate_mutants $(ARGS)

crash-suite: install ## Hours, for the whole proof that orders cannot double: crashes, rivals, mutants; resumable
	@$(RUN) python -m tests.reliability.crash --workers 2 $(ARGS)
	@$(RUN) python -m tests.reliability.interleaving --seeds 20000 --workers 2
	@$(RUN) pytest -q tests/reliability/stateful --hypothesis-profile=full
	@$(RUN) python -m tests.reliability.mutants

gateway: ## Start the broker's gateway program, ZIP=your download GATEWAY_SHA256=its checksum; needs Java, unzip, openssl
	@test -n "$(ZIP)" || { echo "name your download: make gateway ZIP=clientportal.gw.zip" >&2; exit 2; }
	@umask 077; mkdir -p .gateway/data .gateway/public .gateway/run
	@GATEWAY_ZIP="$(abspath $(ZIP))" GATEWAY_DATA="$(CURDIR)/.gateway/data" GATEWAY_PUBLIC="$(CURDIR)/.gateway/public" \
		GATEWAY_RUN="$(CURDIR)/.gateway/run" GATEWAY_NAMES=localhost GATEWAY_SHA256="$(GATEWAY_SHA256)" \
		bash api_gateway/gateway/entrypoint.sh

real-gateway: install ## Drive the broker's own gateway program, ZIP=your download of it; needs Java
	@test -n "$(ZIP)" || { echo "name your download: make real-gateway ZIP=clientportal.gw.zip" >&2; exit 2; }
	@$(RUN) python -m tests.gateway_program $(ZIP) $(ARGS)

fault-days: install ## An hour: 62 days of kills, frozen parts, full disks and wrong clocks on two databases; resumable
	@$(RUN) python -m tests.reliability.fault_days $(ARGS)

restore-drills: install ## Half an hour: 200 lost ledgers on each database, restored from an older copy and recovered; resumable
	@$(RUN) python -m tests.reliability.restore $(ARGS)

replay-numpy: install ## A year's bundles, verified with NUMPY="2.2.0 2.4.6" by PYTHON=python3.11; needs the network
	@$(RUN) python -m tests.replay_numpy write $(TOOLS)/replay/bundles $(SESSIONS)
	@$(UV) export --quiet --locked --no-hashes --no-emit-project | grep -v '^numpy' >$(TOOLS)/replay/constraints.txt
	@for numpy in $(NUMPY); do there=$(TOOLS)/replay/numpy-$$numpy; \
		$(UV) venv -q --clear --python "$(PYTHON)" $$there && \
		$(UV) pip install -q --python $$there/bin/python -c $(TOOLS)/replay/constraints.txt numpy==$$numpy pydantic typer && \
		$$there/bin/python -m tests.replay_numpy verify $(TOOLS)/replay/bundles || exit 1; done

inspect: install ## The MCP inspector lists and calls every gateway tool; needs npx and the network
	@$(RUN) python -m tests.inspection $(ARGS)

field-mcp: install ## An MCP server of others in front of the simulator; needs the network and 450 MB
	@$(UV) venv -q --clear $(TOOLS)/field
	@$(UV) pip install -q --python $(TOOLS)/field/bin/python "$(FIELD_MCP)"
	@FIELD_MCP_PYTHON=$(CURDIR)/$(TOOLS)/field/bin/python $(RUN) pytest -q tests/integration/field_mcp.py

playground: runtime ## The five agents in the ADK playground on the simulator; they preview
	@$(RUN) portfolio playground $(ARGS)

local-backend: runtime ## The service alone, with reload, against the settings of .env
	@$(RUN) python -m app.main
	@$(RUN) uvicorn app.main:app --reload --port $(PORT)

backend: local-backend ## The same as local-backend

clean: ## Remove environments, caches and the default state directory
	@rm -rf .venv $(TOOLS) .portfolio .mypy_cache .ruff_cache .pytest_cache .hypothesis .crash-suite .fault-days .restore-drills .import_linter_cache
