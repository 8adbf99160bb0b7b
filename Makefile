# Commands for work on the package, run in an environment that has it installed with
# its extras:  python -m pip install -c constraints.txt -e '.[test,docs,dev]'
#
#   make fast     most tests, stops at the first failure: while working
#   make lint     what a commit has to pass
#   make test     the test command of the README
#   make long     what the test command leaves out: tests marked `long`
#   make full     everything: before a merge
SHELL := bash
PYTHON ?= python
# The folder of NAME.npz tables; see benchmarks/README.md.
DATA ?=
export OMP_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg

BENCHMARKS := $(filter-out benchmarks/gpu.py benchmarks/r_tables.py,$(wildcard benchmarks/*.py))
READS_DATA := compare neighbors choices robustness speed profile_fit mining similarity verification search growing

.PHONY: help test fast full coverage long lint docs bench fuzz fences serve mlflow
help:
	@sed -n 's/^#   //p' Makefile

test:
	@eval "$$(.ci/run --print)"

# Without scikit-learn's checks, the slow tests and the pages of the documentation.
fast:
	$(PYTHON) -m pytest -n 2 -x -q -m "not slow and not long" --ignore tests/test_common.py tests

full: lint fences docs
	.ci/run
	.ci/run oldest
	$(MAKE) coverage serve long fuzz

lint:
	ruff check
	ruff format --check
	codespell
	mypy
	numpydoc lint $$(git ls-files 'sklearn_contrastive/*.py')

docs:
	$(PYTHON) -m sphinx -W --keep-going -b html docs docs/_build/html

# Which lines and branches the tests run, 98 % at least; Python is half as fast meanwhile.
coverage:
	$(PYTHON) -m pytest -n 2 -q --cov

# What the test command leaves out: tests that repeat others at more sizes.
long:
	$(PYTHON) -m pytest -n 2 -q -m long tests

# Property tests on 1,000 examples each, and 10,000 random fits.
fuzz:
	HYPOTHESIS_PROFILE=fuzz $(PYTHON) -m pytest -n 2 -q -m hypothesis --timeout 0 tests

# Logs a model to MLflow and loads it, in a new environment: MLflow needs an older
# pyarrow than the tests.
mlflow:
	place=$$(mktemp -d) && trap 'rm -rf "$$place"' EXIT && \
	$(PYTHON) -m venv $$place/venv && grep -v ^pyarrow== constraints.txt > $$place/c.txt && \
	$$place/venv/bin/python -m pip install -q -c $$place/c.txt . 'mlflow>=3' && \
	$$place/venv/bin/python examples/mlflow_model.py $$place

# Serves saved models in a new environment without torch.
serve:
	.ci/serve

# The table of size limits: before, now, limit.
fences:
	$(PYTHON) tests/fences.py

# Without DATA it lists the benchmarks, with it it runs them.
bench:
ifeq ($(DATA),)
	@printf '%s\n' $(BENCHMARKS)
	@echo 'make bench DATA=FOLDER runs them all: several hours'
else
	for script in $(BENCHMARKS); do \
	  name=$$(basename $$script .py); data=; \
	  case " $(READS_DATA) " in *" $$name "*) data="--data $(DATA)";; esac; \
	  $(PYTHON) $$script $$data || exit 1; \
	done
	$(PYTHON) benchmarks/_common/embed_results.py
endif
