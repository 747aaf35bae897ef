# Lindero: one line a target. On a bare Debian or Ubuntu python3 (with venv), make and git are enough.
.DEFAULT_GOAL := help
SHELL := /bin/bash
DAY ?= 0
ifneq ($(DAY),0)
export LINDERO_DEMO_DAY = $(DAY)
endif

# processes of pytest: one more than the gate's cores, for many tests wait for others' processes
TESTERS ?= 3

# another interpreter: make test PYTHON=python3.13 VENV=.venv313
VENV ?= .venv
export UV_PROJECT_ENVIRONMENT := $(VENV)
ifdef PYTHON
export UV_PYTHON := $(PYTHON)
endif

# uv from the machine, or fetched once into .tools
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
RUN := $(UV) run --locked --quiet

# the containers: `docker compose`, or the older docker-compose. DEMO=1 is the stack with the demo
# portal; VOLUMES=1 keeps the databases in volumes of Docker (Windows and macOS); SHARED=1, VAULT=1, SSO=1
# and ENTORNO=1 are the files of deploy/ (docs/plataforma.md)
COMPOSE_PROGRAM = $(shell if docker compose version >/dev/null 2>&1; then echo docker compose; \
  elif command -v docker-compose >/dev/null 2>&1; then echo docker-compose; fi)
COMPOSE_FILES = $(if $(DEMO),-p lindero-demo -f docker-compose.yml -f compose.demo.yml \
    $(if $(VOLUMES),-f compose.volumes.yml),\
  -f docker-compose.yml $(if $(VOLUMES),-f compose.volumes.yml) \
  $(if $(SHARED),-f deploy/compose.shared.yml) $(if $(VAULT),-f deploy/compose.vault.yml) \
  $(if $(SSO),-f deploy/compose.sso.yml) $(if $(ENTORNO),-f deploy/compose.entorno.yml) \
  $(addprefix -f ,$(wildcard compose.onedrive.yml compose.empresas.yml compose.prompts.yml))) $(addprefix -f ,$(wildcard compose.pins.yml))
COMPOSE = $(or $(COMPOSE_PROGRAM),$(error en esta máquina no hay docker compose ni docker-compose; \
  sin contenedores: lindero stack up)) $(COMPOSE_FILES)
STATE := data$(if $(DEMO),/demo)
OUTPUT := $(if $(DEMO),test_outputs/demo/)
# what one login shows (PUERTA of Modules/words/folders.py)
SHOWN := outputs/{informe,mapa,cultivos,atlas,proyecto,qfield,muestreos,maquinas,H3,informe_campania} outputs/KMZ\ POR\ {CAMPO,LOTE}
MOUNTS := $(addprefix $(STATE)/,postgres redis lindero) $(OUTPUT)outputs $(OUTPUT)test_outputs \
  $(if $(SSO),$(SHOWN))

.PHONY: help init up down restart build health logs logs-server logs-worker shell shell-server deploy \
  deploy-here demo quick test test-slow test-unit test-integration test-peers test-llm check lint format bench pictures robustness \
  mutations lock sbom audit pin image-check compose-check clean

help: ## esta lista
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 18

.tools/bin/uv:
	@command -v python3 >/dev/null || { echo "falta python3: apt-get install python3 python3-venv"; exit 2; }
	@python3 -m venv .tools || { echo "falta python3-venv: apt-get install python3-venv"; exit 2; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.ready: pyproject.toml uv.lock | $(filter .tools/bin/uv,$(UV))
	@echo "Instalando los paquetes en $(VENV), una sola vez: cerca de un minuto…"
	@$(UV) sync --locked --quiet --compile-bytecode
	@[ $(VENV) != .venv ] || { printf '#!/bin/sh\nexec "$$(dirname "$$0")/.venv/bin/lindero" "$$@"\n' > lindero; chmod +x lindero; \
	  echo "Listo. Los comandos de esta guía se escriben acá con ./ adelante: ./lindero --help"; }
	@touch $@

init: $(VENV)/.ready ## escribe en .env las contraseñas que faltan, al azar
	@$(RUN) lindero stack init

up: ## levanta los cinco contenedores (DEMO=1: con el portal de demostración y una noche de prueba)
	@: $(COMPOSE)
	@[ ! -e compose.pins.yml ] || .ci/pin check
	@# the secrets as .env has them now, for a container reads its own when it starts; then the folders,
	@# before Docker makes them as root; they belong to who the containers run as
	@said=$$(test ! -x $(VENV)/bin/lindero || $(VENV)/bin/lindero stack init) || exit; again=; \
	  case "$$said" in *secretos:*) echo "$$said"; again=--force-recreate;; esac; \
	  if [ ! -e data/secretos/prefect_postgres_password ]; then \
	    echo "faltan los archivos de data/secretos; los escribe: make init" >&2; exit 2; fi; \
	  saved() { sed -n "s/^$$1=//p" .env 2>/dev/null | tail -1; }; \
	  me=$$(id -u); ours=$$(id -g); if [ $$me = 0 ]; then me=1000 ours=1000; fi; \
	  user=$${LINDERO_UID:-$$(saved LINDERO_UID)}; group=$${LINDERO_GID:-$$(saved LINDERO_GID)}; \
	  export LINDERO_UID=$${user:-$$me} LINDERO_GID=$${group:-$$ours}; \
	  if [ -z "$$user" ] && [ $$me != 1000 ]; then \
	    printf '\nLINDERO_UID=%s\nLINDERO_GID=%s\n' $$me $$ours >> .env; fi; \
	  mkdir -p $(MOUNTS) || exit 1; \
	  if [ $$(id -u) = 0 ]; then chown $$LINDERO_UID:$$LINDERO_GID $(STATE) $(OUTPUT) $(MOUNTS) data/secretos/*; fi; \
	  $(COMPOSE) up --detach --build --remove-orphans $$again

down: ## apaga y quita los contenedores; lo que escribieron queda, y sus registros en data/contenedores.log
	@[ -z "$$($(COMPOSE) ps --all --quiet 2>/dev/null)" ] || $(COMPOSE) logs --no-color --timestamps --tail 20000 > $(STATE)/contenedores.log 2>/dev/null || true
	@$(COMPOSE) down --remove-orphans

restart: ## reinicia los contenedores (S=prefect-worker: sólo ése)
	@$(COMPOSE) restart $(S)

build: ## arma la imagen de server, services y worker
	@$(COMPOSE) build $(ARGS)

health: ## dice qué contenedores están sanos (S=postgres: sólo ése); termina en 0 sólo si están todos
	@ids=$$($(COMPOSE) ps --all --quiet $(S)) || exit 1; \
	  [ -n "$$ids" ] || { echo "no hay contenedores; los levanta: make up" >&2; exit 1; }; \
	  docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}}: {{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}} {{.State.ExitCode}}{{end}}' $$ids | \
	  awk '{ print } $$2 != "healthy" && $$2 $$3 != "exited0" { ill = 1 } END { exit ill }'

logs: ## muestra los registros de todos los contenedores
	@$(COMPOSE) logs $(if $(ONCE),,--follow) --tail=100

logs-server: ## muestra los registros del servidor de Prefect
	@$(COMPOSE) logs --follow --tail=100 prefect-server

logs-worker: ## muestra los registros del worker y sus corridas
	@$(COMPOSE) logs --follow --tail=100 prefect-worker

shell: ## una consola en el contenedor del worker
	@$(COMPOSE) exec prefect-worker bash

shell-server: ## una consola en el contenedor del server
	@$(COMPOSE) exec prefect-server bash

deploy: ## pone todos los despliegues, desde el contenedor del worker si está
	@if [ -n "$(COMPOSE_PROGRAM)" ] && $(COMPOSE_PROGRAM) $(COMPOSE_FILES) exec -T prefect-worker true >/dev/null 2>&1; \
	  then $(COMPOSE_PROGRAM) $(COMPOSE_FILES) exec -T prefect-worker lindero deploy --all; \
	  else $(MAKE) --no-print-directory deploy-here; fi

deploy-here: $(VENV)/.ready
	@$(RUN) lindero deploy --all

demo: $(VENV)/.ready ## una noche con el portal de demostración, en test_outputs/ (DAY=1: la noche siguiente)
	@$(RUN) lindero run backup --test --campania 25/26

test: $(VENV)/.ready ## the test suite, all but its slow tests
	@$(RUN) pytest -n $(TESTERS) --dist loadscope --no-loadscope-reorder -m "not slow" $(ARGS)

quick: $(VENV)/.ready ## the unit tests that a change can have touched, nearest first, in a minute (ARGS="--base REV")
	@$(RUN) python -m tests.quick $(ARGS)

test-slow: $(VENV)/.ready ## the slow ones: the guide step by step, 10,000 names, a Dask cluster, a killed KMZ run, a password
	@$(RUN) pytest -n $(TESTERS) --dist loadscope -m slow $(ARGS)

test-unit: $(VENV)/.ready ## the tests that start no process of their own
	@$(RUN) pytest -n $(TESTERS) --dist loadscope -m "not integration and not slow" $(ARGS)

test-integration: $(VENV)/.ready ## the tests that do: real processes, whole flows
	@$(RUN) pytest -n $(TESTERS) --dist loadscope -m "integration and not slow" $(ARGS)

.venv-peers/.ready: pyproject.toml uv.lock | $(filter .tools/bin/uv,$(UV))
	@UV_PROJECT_ENVIRONMENT=.venv-peers $(UV) sync --locked --quiet --no-default-groups --only-group peers
	@touch $@

test-peers: $(VENV)/.ready .venv-peers/.ready ## api check against servers that nobody here wrote: pygeoapi, datasette
	@$(RUN) pytest -q tests/peers $(ARGS)

.venv-llm/.ready: pyproject.toml uv.lock | $(filter .tools/bin/uv,$(UV))
	@UV_PROJECT_ENVIRONMENT=.venv-llm $(UV) sync --locked --quiet --no-default-groups --only-group llm
	@touch $@

test-llm: $(VENV)/.ready .venv-llm/.ready ## prompts asked of a real language model, small and on this machine: minutes
	@$(RUN) pytest -q tests/llm $(ARGS)

.tools/npm/ready: ## npm's reader of ISOXML, a second opinion for the tests of maquinas/
	@npm install --silent --no-save --prefix .tools/npm isoxml@1.11.2
	@touch $@

.tools/sso/ready: ## npm's oidc-provider, a real login for the tests of the door (deploy/Caddyfile)
	@npm install --silent --no-save --prefix .tools/sso oidc-provider@9.13.3
	@touch $@

check: $(VENV)/.ready ## format, lint, types and floors
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) lint-imports --no-logo

lint: check ## the same as check

format: $(VENV)/.ready ## format the code and sort the imports
	@$(RUN) ruff check --fix --select I .
	@$(RUN) ruff format .

bench: $(VENV)/.ready ## side by side with what a user would pick instead, ratios printed
	@for bench in start stages backup productos kmz mapa unchanged hexagonos diferencias tareas llamadas prompts_api informe_campania informe maquinas proyecto atlas memoria; do $(RUN) python bench/$$bench.py || exit 1; done

pictures: $(VENV)/.ready ## the pictures of docs/img again, out of a Prefect page that is started for it (chromium; QGIS where it is)
	@$(RUN) python -W ignore -m tests.pictures

robustness: $(VENV)/.ready ## the figures of docs/confiabilidad.md in full: hours (ARGS=--short: minutes)
	@failed=; for figure in portal_faults random_kills every_syscall disk_errors power_cut damage \
	  retention_histories clock ten_starts nights stable_ids machine_files events hostile_bodies exits upgrade_path \
	  generated_inputs stack_outages companies prompts_kills branch_coverage; do \
	  $(RUN) python -W ignore -m tests.robustness.$$figure $(ARGS) 2>/dev/null | grep -E "^figure|skipped" || failed=1; \
	  [ "$${PIPESTATUS[0]}" = 0 ] || { echo "$$figure: missed"; failed=1; }; done; [ -z "$$failed" ]

mutations: $(VENV)/.ready ## mutants of guard, store, publisher and retention that no test notices: hours (ARGS="manifest …")
	@$(RUN) --with mutmut==3.8.1 python -m tests.robustness.mutations $(ARGS)

lock: | $(filter .tools/bin/uv,$(UV)) ## lock the dependencies against the public default index
	@env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL $(UV) lock
	@{ echo "lindero==$$($(UV) version --short)"; $(UV) export --locked --quiet --no-dev --no-hashes \
	  --no-emit-project --no-annotate --no-header; } > Modules/paquetes.txt

sbom: | $(filter .tools/bin/uv,$(UV)) ## sbom.cdx.json: every package of uv.lock with its hashes (CycloneDX)
	@$(UV) export --quiet --locked --offline --all-groups --all-extras --preview-features sbom-export,package-conflicts \
	  --format cyclonedx1.5 --output-file sbom.cdx.json >/dev/null
	@echo "sbom.cdx.json: $$(grep -c '"purl"' sbom.cdx.json) packages"

audit: | $(filter .tools/bin/uv,$(UV)) ## known advisories against uv.lock, but those of .ci/advisories.txt
	@UV=$(UV) .ci/audit

pin: ## fija las imágenes por su resumen, en compose.pins.yml: las que esta máquina tiene
	@.ci/pin

image-check: ## build the Dockerfile for real on Debian, and run a night inside it (root; minutes)
	@.ci/image-check

compose-check: ## run the containers for real, on a Docker Engine of its own (root; 8 minutes, SLOW=1: 25)
	@.ci/compose-check

clean: ## borra lo que hicieron estas órdenes, nunca outputs ni data
	@rm -rf .venv .venv313 .venv-peers .venv-llm .tools .mypy_cache .pytest_cache .ruff_cache .hypothesis .grimp_cache .import_linter_cache build dist lindero sbom.cdx.json
