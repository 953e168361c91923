# 惠企: one line per thing to do. `make run` and `make test` set everything up by themselves.
# The first interpreter that really starts and is new enough: a name on the PATH may be a shim of a version that is not there.
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.13 python; do $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
export HUIQI_HOME ?= $(CURDIR)/warehouse
export DAGSTER_HOME ?= $(CURDIR)/.dagster
export PYTHONUTF8 = 1
SIZE ?= tiny
SEED ?= 7
MONTHS ?= 24
MONTHS_ON ?= 12
PORT ?= 8710
UI_PORT ?= 3000

.PHONY: help install world run test test-ui check ui dashboard bench bench-kernel bench-effects loop audit clean

help: ## what there is to do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(VENV)/.installed ## the environment, from the lock

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "需要 Python 3.11、3.12 或 3.13 / Python 3.11, 3.12 or 3.13 is needed"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "安装依赖（首次约 1–2 分钟）…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock >$(VENV)/install.log 2>&1 || { cat $(VENV)/install.log; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >$(VENV)/install.log 2>&1 || { cat $(VENV)/install.log; exit 1; }
	@test -x $(BIN)/huiqi
	@touch $@

world: install ## the mock world: twelve departments' deliveries (SIZE, SEED, MONTHS)
	@$(BIN)/huiqi world make --size $(SIZE) --seed $(SEED) --months $(MONTHS) --out $(HUIQI_HOME)

run: world ## the whole job on the mock world, with a summary
	@$(BIN)/huiqi run || test $$? -eq 1 # 1: finished, and something asks for attention

test: install ## every test that needs no browser
	@$(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder -m "not ui and not slow"

test-ui: install ## the dashboards in real Chromium (installs Debian's chromium if it is missing)
	@command -v chromium >/dev/null || { apt-get update -q && apt-get install -y -q chromium fonts-noto-cjk; }
	@$(BIN)/python -m pytest -q -m ui

check: install ## format, lint, import contracts, types, definitions, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy -p data -p matching -p quality -p evaluation
	@$(BIN)/dagster definitions validate -w workspace.yaml
	@$(MAKE) --no-print-directory test

ui: install ## Dagster's own page, on 127.0.0.1
	@$(BIN)/dagster instance info >/dev/null
	@$(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p $(UI_PORT)

dashboard: install ## the pages for analysts and leaders, on 127.0.0.1
	@$(BIN)/huiqi dashboard --port $(PORT)

# The first need nothing, the second a finished run. Comparisons with planted truth (agreement, loading, linkage, profile_truth, talents) take their own arguments.
BENCHES := kernel peers library world effects identity reading_lint
HOME_BENCHES := "service $(HUIQI_HOME)" "push --home $(HUIQI_HOME)" "ingest --home $(HUIQI_HOME)" "foreign_readers $(HUIQI_HOME)" "first_page --home $(HUIQI_HOME)"

bench: run ## every benchmark of speed, side by side with its peers
	@set -e; for b in $(BENCHES) $(HOME_BENCHES); do echo "== $$b"; $(BIN)/python -m benchmarks.$$b; done

loop: install ## months of a mock world, with people, payments and answers, against planted truth (MONTHS_ON); a `make run` first
	@$(BIN)/python benchmarks/loop.py --home $(HUIQI_HOME) --months $(MONTHS_ON)

bench-kernel: install ## the matching kernel against one wide DuckDB SELECT
	@$(BIN)/python -m benchmarks.kernel

bench-effects: install ## planted effects, 1,000 draws each: bias, RMSE, coverage, placebo, two-way fixed effects beside them
	@$(BIN)/python -m pytest -q -s -m slow tests/evaluation/test_effects_coverage.py

audit: install ## known vulnerabilities in the lock
	@$(BIN)/pip-audit --strict --require-hashes --disable-pip -r requirements.lock

clean: ## removes the environment and everything regenerated
	@rm -rf $(VENV) warehouse build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find .dagster -mindepth 1 ! -name dagster.yaml -delete
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
