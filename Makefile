# Two targets do everything on a machine with Python 3.11 or newer, make and git: run and test.

# The first of these that runs and is new enough. requirements.lock was tested with the first.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3, \
	$(shell $(name) -c 'import sys; sys.version_info < (3, 11) or print("$(name)")' 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
DOCS := .venv-docs
export DO_NOT_TRACK = 1
export MLFLOW_DISABLE_TELEMETRY = true
export HF_HUB_DISABLE_TELEMETRY = 1
export GRADIO_ANALYTICS_ENABLED = False
export PYTHONUNBUFFERED = 1
export NO_MKDOCS_2_WARNING = 1

.PHONY: run test test-slow test-e2e test-lowest ui lint bench docs drawings install clean

run: install
	$(BIN)/unigs run --preset tiny

test: install
	$(BIN)/pytest -n 2

# Tests of a file share what it builds: they go to one of the two processes together. -v says which ran
# beside which.
test-slow: install
	$(BIN)/pytest -m slow -v -n 2 --dist loadfile --durations=30

test-e2e: install
	$(BIN)/pytest -m e2e -v -n 2 --dist loadfile --durations=30 tests/e2e

# The lower bounds of pyproject.toml, each of them at once; without the graph's packages.
test-lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/python -m pytest -n 2 \
		--lacks dagster,dagster_pipes,mlflow,matplotlib,gradio,onnx,onnxruntime,torch_fidelity

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

ui: install
	$(BIN)/python -m pipelines.ui

# Those that need no data of yours and no training; each of the others says what it takes. Fails if a
# ratio fell by more than 20 % since the last release (docs/ledger.md).
bench: install
	$(BIN)/python -m benchmarks.ledger

# The site: site/index.html. Links between pages and their anchors are checked, and that no page fetches anything.
docs: $(DOCS)/.installed
	$(DOCS)/bin/mkdocs build --strict

# Those of docs/architecture.md; a test tells when the code has moved on.
drawings: install
	$(BIN)/python -m docs.drawings

install: $(VENV)/.installed

python:
	$(if $(PYTHON),,$(error no Python 3.11 or newer found: install one, or name it with PYTHON=...))
.PHONY: python

$(VENV)/.installed: requirements.lock pyproject.toml | python
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --only-binary :all: --requirement requirements.lock || $(unlocked)
	$(BIN)/pip install --quiet --no-deps --editable .
	@echo 'compiling numeric kernels, once: about ten seconds'
	$(BIN)/python -m unigs.colormap.warm_up
	touch $@

# Another Python than the lock's, for which one of its versions has no wheel.
define unlocked
{ $(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] == (3, 11))' && \
	echo "requirements.lock has no wheels for this Python: taking the newest versions that pyproject.toml allows, not tested together" && \
	$(BIN)/pip install --quiet --editable '.[all]'; }
endef

$(LOWEST)/.installed: requirements-lowest.txt pyproject.toml | python
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/pip install --quiet --only-binary :all: --constraint requirements-lowest.txt \
		--editable '.[test,lora]'
	touch $@

$(DOCS)/.installed: requirements-docs.txt requirements.lock | python
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install --quiet --only-binary :all: --constraint requirements.lock \
		--requirement requirements-docs.txt ruff
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) $(DOCS) site .venv-without-torch .venv-ray .venv-server store .dagster_home
