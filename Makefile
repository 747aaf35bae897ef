# Lindero: one line a target. On a bare Debian or Ubuntu python3 (with venv), make and git are enough.
.DEFAULT_GOAL := help
SHELL := /bin/bash
DAY ?= 0
ifneq ($(DAY),0)
export LINDERO_DEMO_DAY = $(DAY)
endif

# another interpreter: make test PYTHON=python3.13 VENV=.venv313
VENV ?= .venv
export UV_PROJECT_ENVIRONMENT := $(VENV)
ifdef PYTHON
export UV_PYTHON := $(PYTHON)
endif

# uv from the machine, or fetched once into .tools
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
RUN := $(UV) run --locked --quiet

.PHONY: help demo test check lint format bench lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 12

.tools/bin/uv:
	@command -v python3 >/dev/null || { echo "python3 is missing: apt-get install python3 python3-venv"; exit 2; }
	@python3 -m venv .tools || { echo "python3-venv is missing: apt-get install python3-venv"; exit 2; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.ready: pyproject.toml uv.lock | $(filter .tools/bin/uv,$(UV))
	@$(UV) sync --locked --quiet
	@touch $@

demo: $(VENV)/.ready ## a night's run on the built-in demo portal, below test_outputs/ (DAY=1 for the next night)
	@$(RUN) lindero run backup --test --campania 25/26

test: $(VENV)/.ready ## the whole test suite
	@$(RUN) pytest -n 2 --dist loadscope $(ARGS)

check: $(VENV)/.ready ## format, lint and types
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy

lint: check ## the same as check

format: $(VENV)/.ready ## format the code and sort the imports
	@$(RUN) ruff check --fix --select I .
	@$(RUN) ruff format .

bench: $(VENV)/.ready ## side by side with what a user would pick instead, ratios printed
	@for bench in backup productos kmz unchanged hexagonos; do $(RUN) --group bench python bench/$$bench.py || exit 1; done

lock: | $(filter .tools/bin/uv,$(UV)) ## lock the dependencies against the public default index
	@env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL $(UV) lock

clean: ## remove what these targets made, never outputs or data
	@rm -rf .venv .venv313 .tools .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
