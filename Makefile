# Everything runs in .venv, which is made on the first call: with uv where it is installed, else with venv and pip.
PYTHON ?= python3
ENGINE ?= cpu
BIN := .venv/bin
INSTALL := $(if $(shell command -v uv),uv pip install --python $(BIN)/python,$(BIN)/python -m pip install)

.DEFAULT_GOAL := help
.PHONY: help lab series test bench format notebooks clean

help: ## list the commands
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(if $(shell command -v uv),uv venv --python '>=3.11' .venv,$(PYTHON) -m venv .venv)

.venv/.series: pyproject.toml | $(BIN)/python
	$(INSTALL) -q -e '.[$(ENGINE)]'
	@touch $@

.venv/.dev: pyproject.toml | $(BIN)/python
	$(INSTALL) -q -e '.[$(ENGINE),jax,dev]'
	@touch $@ .venv/.series

lab: .venv/.series ## open JupyterLab on the series
	$(BIN)/ssviz lab

series: .venv/.series ## run the series with papermill; pages in series-output/
	$(BIN)/ssviz run

test: .venv/.dev ## all tests: lint, both Keras backends, notebooks, browser
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m ssviz.notebook_hygiene --check notebooks/*.ipynb
	$(BIN)/python -m pytest
	KERAS_BACKEND=jax $(BIN)/python -m pytest -m 'core and not network'
	$(BIN)/python -m pytest --nbval-lax --nbval-current-env notebooks

bench: .venv/.series ## measure: prints and writes the table of benchmarks/
	$(BIN)/python -m benchmarks

format: .venv/.dev ## format code and notebooks
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/python -m ssviz.notebook_hygiene notebooks/*.ipynb

notebooks: .venv/.dev ## execute the committed notebooks anew, outputs kept
	$(BIN)/python -m ssviz.notebook_hygiene --execute notebooks/*.ipynb

clean: ## remove what was made here (not the cache of data sets)
	rm -rf .venv series-output dist build .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
