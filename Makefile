.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage lint check audit bench drills drills-long endings docs clean

PY := .venv/bin
# Three at a time on two cores, a file each: most tests wait for sockets and clocks. Some use every core by themselves;
# the slowest of them are told, for whoever wants to know where the minutes went.
AT_ONCE := -n 3 --dist loadfile
TOGETHER := -m "not alone" $(AT_ONCE)
ALONE := -m alone --durations=20

# An engine is three Python processes. Where bytecode is not kept, each compiles vLLM and PyTorch anew, every time:
# some 16 s a process. Images for containers often forbid it.
unexport PYTHONDONTWRITEBYTECODE

help: ## what each command does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: ## make .venv with the pinned versions (seconds when nothing changed)
	@scripts/setup

demo: setup ## train a naive fine-tune, roll it out on real parts, watch it being rolled back (6 to 12 minutes)
	@$(PY)/belay demo

test: setup ## every test, the slow end-to-end ones on real parts included (20 to 25 minutes)
	@$(PY)/pytest $(TOGETHER) && $(PY)/pytest $(ALONE)

coverage: setup ## the same, and which files are not covered whole (up to three times as long)
	@$(PY)/pytest --cov --cov-report= $(TOGETHER) && $(PY)/pytest --cov --cov-append $(ALONE)

lint: setup ## ruff, mypy strict and import-linter (under a minute)
	@$(PY)/ruff format --check . && $(PY)/ruff check . && $(PY)/mypy && $(PY)/lint-imports

check: lint audit ## the same, and the quick tests (two to six minutes)
	@$(PY)/pytest -m "not slow" $(AT_ONCE)

audit: setup ## bandit over our packages, and what is known of those we use, where advisories can be had (10 seconds)
	@$(PY)/python scripts/advisories.py
	@$(PY)/bandit --quiet --configfile pyproject.toml --recursive telemetry serving router evaluator trainer belay

bench: setup ## every benchmark with --quick
	@for file in bench/[a-z]*.py; do echo "== $$file"; $(PY)/python $$file --quick || exit 1; done

drills: setup ## kill, starve and damage every part under traffic, and count to the last interaction (10 minutes)
	@$(PY)/python -m tests.drills

drills-long: setup ## the same with 1,000 kills, a broker away for ten minutes, a cluster of three (two hours)
	@$(PY)/python -m tests.drills --long

endings: setup ## train a candidate that loses one capability; its audit and its rollback name that one (33 minutes on two busy cores)
	@BELAY_ENDINGS=1 $(PY)/pytest tests/e2e/test_one_lost.py

docs: setup ## the pages as a site in site/ (seconds); open site/index.html, or serve the folder to search in it too
	@NO_MKDOCS_2_WARNING=1 $(PY)/mkdocs build --strict --quiet && echo "site/index.html"

clean: ## remove what Belay made here: models, baselines, runs (.venv stays); refuses while a rollout needs a model
	@if [ -x $(PY)/belay ]; then $(PY)/belay clean; \
	elif ls .belay/models/.pins/*.json >/dev/null 2>&1; then echo "clean: a rollout needs a model in .belay; run make setup first" >&2; exit 2; \
	else rm -rf .belay; fi
