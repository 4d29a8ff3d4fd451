# Few verbs. Everything is installed into .venv from the lock file, with hashes; nothing else is touched.
.DEFAULT_GOAL := help
.PHONY: help install demo test lint bench profile scenarios soak chaos up down contracts sbom
PYTHON ?= python3
BIN := .venv/bin
NEEDS_DOCKER = docker compose version >/dev/null 2>&1 || \
	{ echo 'Docker with Compose 2.24 or newer is needed; without it there is: make demo, .venv/bin/lahete run' >&2; exit 1; }

help: ## what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version + "; another one: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo '$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@echo "installing $$(grep -c == requirements.lock) packages into .venv; pip names each as it comes"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .
	@touch $@

install: .venv/installed ## installs into .venv what the lock file names, and does nothing else

demo: .venv/installed ## carries 1,000 referrals from regions to opistos and back, in about two minutes where the machine is quiet
	$(BIN)/lahete demo

WORKERS ?= 2
test: .venv/installed ## every test that this machine can run; WORKERS=2, 0 for one process alone
	$(BIN)/python -m pytest --quiet --numprocesses $(WORKERS) --dist loadfile

lint: .venv/installed ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed ## rates beside others, latency, cost, growth, memory, in 15 minutes a round; writes docs/bench.md; WHAT="ways --quick"
	$(BIN)/python -m tests.bench $(WHAT)

profile: .venv/installed ## the engine under load with py-spy; leaves flame graphs in .lahete-bench
	$(BIN)/python -m tests.bench.profile

scenarios: .venv/installed ## everything that the platform must survive, on the Java backends too; ONLY=15-java; writes tests/scenarios/REPORT.md
	LAHETE_SCENARIOS=all $(BIN)/python -m pytest --quiet tests/scenarios $(if $(ONLY),-k $(ONLY))

MINUTES ?= 10
soak: .venv/installed ## steady load with kills on the Java backends; MINUTES=10
	$(BIN)/python -m tests.scenarios.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

chaos: .venv/installed ## every kind of fault at once, drawn from a seed that is printed; SEED= MINUTES=10 ENGINE=java
	$(BIN)/python -m tests.scenarios.soak --chaos --out chaos.svg --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(ENGINE),--engine $(ENGINE))

up: ## the whole platform in Docker, on this machine's ports 8100 to 8105; docs/compose.md
	@$(NEEDS_DOCKER)
	@$(PYTHON) deploy/make_secrets.py
	docker compose up --build --wait

down: ## ends what make up started; all that it keeps stays in its volumes
	@$(NEEDS_DOCKER)
	docker compose --profile '*' down

contracts: .venv/installed ## writes the JSON Schemas, AsyncAPI and OpenAPI anew after a change of the models or the addresses
	$(BIN)/lahete contracts --out docs/contracts

SBOM ?= sbom.cdx.json
sbom: .venv/installed ## what the image's Python packages are, with their hashes, as CycloneDX; writes sbom.cdx.json
	$(BIN)/python deploy/runtime_lock.py pyproject.toml requirements.lock > $(SBOM).lock
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --spec-version 1.6 --output-format JSON \
		--output-file $(SBOM) $(SBOM).lock
	@rm $(SBOM).lock
