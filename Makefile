# Everything a developer or a newcomer runs. Needs Python 3.11+ and make; the rest is installed into the checkout.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE := copy

# Where there is no home to cache in, the packages are kept in the checkout.
ifeq ($(shell test -w "$$HOME" && echo yes),)
export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
endif

# uv from the machine, or put into the checkout by pip where it is missing.
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN := .venv/bin/

.PHONY: help setup demo dev test browser check verify golden format pooled plans mutants bench bench-all chaos disconnects fuzz model clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.installed ## Install everything into the checkout (.venv, and .tools for uv)

demo: .venv/.installed ## Run the main job on real input: this checkout's own files
	@$(RUN)fairlead demo

dev: .venv/.installed ## Start everything for a person: database, API, a worker with example handlers
	@$(RUN)fairlead dev

test: .venv/.installed ## Check everything: format, lint, types, layers, then every test on a real PostgreSQL
	@$(MAKE) --no-print-directory -j 2 check browser
	@$(RUN)python -m compileall -q src  # hundreds of processes are started, where nobody may write what they compile
	$(RUN)pytest -n 3 --dist worksteal -q

# Studio is tested in a real browser. Where it cannot be installed those tests are skipped and say so; on CI they fail.
browser: ## Install the browser that studio is tested in, where it is missing and that can be done
	@for name in "$$FAIRLEAD_TEST_CHROMIUM" chromium chromium-browser google-chrome; do \
		[ -n "$$name" ] && command -v "$$name" >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ]; then as=; elif sudo -n true 2>/dev/null; then as="sudo -n"; else as=false; fi; \
	echo "Installing chromium, in which studio is tested"; export DEBIAN_FRONTEND=noninteractive; \
	{ $$as apt-get install -y -qq --no-install-recommends chromium \
		|| { $$as apt-get update -qq && $$as apt-get install -y -qq --no-install-recommends chromium; }; } >/dev/null 2>&1 \
		|| echo "NO BROWSER could be installed: studio will not be tested in one (apt-get install chromium)"

check: .venv/.installed ## Only what needs no database: format, lint, types, layers, generated files
	$(RUN)ruff format --check --quiet .
	$(RUN)ruff check --quiet .
	$(RUN)mypy
	$(RUN)lint-imports --no-logo
	@$(MAKE) --no-print-directory verify

verify: .venv/.installed ## Fail when a generated file is out of date
	$(RUN)python -m tools.row_types --check
	$(RUN)python -m tools.golden_sql --check
	$(RUN)python -m tools.permissions_page --check
	$(RUN)python -m tools.doctor_page --check
	$(RUN)python -m tools.errors_page --check
	$(RUN)python -m tools.openapi_file --check

golden: .venv/.installed ## Write the generated files again
	$(RUN)python -m tools.row_types
	$(RUN)python -m tools.golden_sql
	$(RUN)python -m tools.permissions_page
	$(RUN)python -m tools.doctor_page
	$(RUN)python -m tools.errors_page
	$(RUN)python -m tools.openapi_file

format: .venv/.installed ## Format and mend what ruff can
	$(RUN)ruff check --fix --quiet . ; $(RUN)ruff format .

pooled: .venv/.installed ## Run the tests of everything that uses the database through PgBouncer in transaction mode
	FAIRLEAD_TEST_PGBOUNCER=1 $(RUN)pytest -n 2 --dist worksteal -q tests/engine tests/queries tests/services tests/races \
		tests/tenancy tests/transactions tests/audit

plans: .venv/.installed ## Check every plan at full size: 5 million finished items, 1 million waiting (some 5 minutes)
	FAIRLEAD_TEST_PLANS=full $(RUN)pytest -o faulthandler_timeout=3600 -n 2 --dist worksteal -q tests/plans

mutants: .venv/.installed ## Take each guard between organizations away and see that the tests notice (some 20 minutes)
	$(RUN)python -m tools.tenancy_mutants

bench: .venv/.installed ## Measure: ours, the raw limit and the peers, on one server in one run
	$(RUN)python -m bench

bench-all: .venv/.installed ## Measure every figure that is promised (more than an hour)
	$(RUN)python -m bench --all

chaos: .venv/.installed ## Break what can break while items flow, and check every promise from outside (some 10 minutes)
	$(RUN)python -m chaos

model: .venv/.installed ## Do 500,000 things in any order and compare every table with a dictionary after each (some half an hour)
	$(RUN)python -m tests.model

fuzz: .venv/.installed ## Ask everything that the OpenAPI document allows and forbids, as everybody, 200,000 times (some hours)
	$(RUN)python -m tests.fuzz

disconnects: .venv/.installed ## Cut 10,000 requests of two organizations at any byte and look for what they leave (some minutes)
	FAIRLEAD_TEST_DISCONNECTS=10000 $(RUN)pytest -o faulthandler_timeout=3600 -q tests/disconnects

clean: ## Remove what make put into the checkout, databases included
	rm -rf .venv .tools .cache .fairlead dist

# The second try is for networks whose certificates only the system knows.
.venv/.installed: pyproject.toml uv.lock | $(UV)
	@python=$$($(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Fairlead needs Python 3.11 or newer"; print(sys.executable)') \
		&& sync="$(UV) sync --locked --quiet --compile-bytecode --python $$python" \
		&& { $$sync 2>/dev/null || $$sync --system-certs; }
	@touch $@

.tools/bin/uv:
	@echo "Installing uv into .tools"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target .tools uv \
		|| { $(PYTHON) -m venv .tools/venv && .tools/venv/bin/pip install --quiet --target .tools uv; } \
		|| { echo "Fairlead installs itself with uv, and $(PYTHON) has no pip to get it with: install pip (or uv), or"; \
		     echo "name a Python that has it: make PYTHON=/path/to/python3"; exit 1; }
