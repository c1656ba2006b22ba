# Two targets do everything on a machine with Python 3.11, make and git: run and test.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export DO_NOT_TRACK = 1
export MLFLOW_DISABLE_TELEMETRY = true
export HF_HUB_DISABLE_TELEMETRY = 1
export GRADIO_ANALYTICS_ENABLED = False
export PYTHONUNBUFFERED = 1

.PHONY: run test test-slow test-e2e ui lint bench install clean

run: install
	$(BIN)/unigs run --preset tiny

test: install
	$(BIN)/pytest -n 2

test-slow: install
	$(BIN)/pytest -m slow

test-e2e: install
	$(BIN)/pytest -m e2e

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

ui: install
	$(BIN)/python -m pipelines.ui

# Those that need no data of yours and no training; each of the others says what it takes.
bench: install
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/codec.py
	$(BIN)/python -m benchmarks.index_memory

install: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) store .dagster_home
