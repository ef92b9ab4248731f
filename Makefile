# Everything is installed into .venv and nothing outside this folder is touched, but for the vector cache.
# Another Python: make PYTHON=python3.12 ...

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet -c constraints.txt

# The demo's market. Another person: make demo CANDIDATE=c0000008
DEMO := demo
CANDIDATE ?= c0000001
POSTINGS ?= 800
CANDIDATES ?= 1000
JOBREC := JOBREC_CACHE=$(DEMO)/cache $(BIN)/jobrec

# Worker processes of pytest; 0 runs the tests in one process.
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test test-all lint bench docs constraints clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

# ---- Setting up

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed: sudo apt install python3, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "installing into $(VENV): one to three minutes"
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP_INSTALL) -e '.[dev,static,adapt,serve]'
	@touch $@

install: $(VENV)/.installed ## .venv with the jobrec command in it

install-dev: $(VENV)/.installed-dev ## the same with all that tests need

# ---- A look at it

# Offline: the encoder's weights come with a package, nothing is to be fetched.
demo test test-all: export HF_HUB_OFFLINE = 1

demo: install ## simulate a small market, train, evaluate, export, show one list
	@rm -rf $(DEMO)/market $(DEMO)/bundle $(DEMO)/report
	@mkdir -p $(DEMO)
	$(JOBREC) simulate --postings $(POSTINGS) --candidates $(CANDIDATES) --cities 20 --out $(DEMO)/market
	$(JOBREC) train --config configs/demo.yaml --data $(DEMO)/market --out $(DEMO)/bundle
	$(JOBREC) evaluate --config configs/demo.yaml --data $(DEMO)/market --report $(DEMO)/report > $(DEMO)/evaluation.txt
	@echo; echo "Of the first table (all of them, with figures: $(DEMO)/report/report.html):"
	@awk '/^## / && tables++ { exit } /^\|-|order by|engine|title_any|near_any|alone/' $(DEMO)/evaluation.txt | cut -c1-102
	@echo
	$(JOBREC) export --bundle $(DEMO)/bundle --out $(DEMO)/top.parquet -k 50
	$(JOBREC) recommend --bundle $(DEMO)/bundle --candidate $(CANDIDATE) > $(DEMO)/list.txt
	@cat $(DEMO)/list.txt; echo
	@first=$$(sed -n 's/^ *1\..*\[\(p[0-9]*\)\].*/\1/p' $(DEMO)/list.txt) && set -x && \
		$(JOBREC) why --bundle $(DEMO)/bundle --candidate $(CANDIDATE) --posting $$first

# ---- Checking it

# One thread of arithmetic in each worker: more only wait for each other on two cores.
test test-all: export OPENBLAS_NUM_THREADS = 1
test test-all: export OMP_NUM_THREADS = 1

test: install-dev lint ## ruff, mypy and the tests
	$(BIN)/python -m pytest -n $(WORKERS) -m "not long"

test-all: install-dev lint ## the same with the tests that take long
	$(BIN)/python -m pytest -n $(WORKERS)

lint: install-dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install-dev ## the figures of docs/; those on real texts need JOBREC_DATA
	$(BIN)/python -m benchmarks.speed --work runs/bench
	$(BIN)/python -m benchmarks.alerts --work runs/alerts
	@if [ -n "$$JOBREC_DATA" ]; then set -x; \
		$(BIN)/python -m benchmarks.text_retrieval --data "$$JOBREC_DATA" --out docs/text-retrieval.md; \
		$(BIN)/python -m benchmarks.ranking --config configs/jobviews.yaml --data "$$JOBREC_DATA/jobviews" \
			--out docs/ranking.md; \
		$(BIN)/python -m benchmarks.copies --data "$$JOBREC_DATA" --out docs/copies.md; \
		$(BIN)/python -m benchmarks.interactions --data "$$JOBREC_DATA" --out docs/interactions.md; \
	else echo "JOBREC_DATA is not set: docs/{text-retrieval,ranking,copies,interactions}.md are left as they are"; fi

# ---- Housekeeping

docs: install-dev ## write docs/configuration.md and the settings of configs/ anew
	$(BIN)/python docs/make_configuration.py

# With the oldest Python that is to work: what suits it suits the newer ones.
constraints: ## write constraints.txt anew from the newest versions that fit together
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet '.[dev,static,adapt,serve]'
	{ sed -n '/^#/p' constraints.txt; build/constraints/bin/python -m pip freeze --all --exclude jobrec --exclude pip \
		| sed 's/+cpu$$//'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

clean: ## remove what was made, but for .venv
	rm -rf $(DEMO) build jobrec.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
