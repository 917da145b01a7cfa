# Two commands on a fresh machine, each doing its own set-up: `make demo` and `make test`.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test test-agents gauntlet docs lint format clean

# The stamp is rewritten when the dependencies change, so a second call installs nothing.
$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[pretrain]'
	touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[pretrain,analysis,dev]'
	touch $@

$(VENV)/.docs: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

demo: $(VENV)/.demo
	$(BIN)/nightlab init pretrain demo --yes --if-new --budget "500000 tokens" --parallel 2
	cd demo && ../$(BIN)/python prepare.py
	cd demo && ../$(BIN)/nightlab run --trials 8 --runs 40
	cd demo && ../$(BIN)/nightlab report

test: $(VENV)/.test
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/packages
	scripts/agents
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/check

# All the coding agents that have a preset, for real; `make test` drives three of them.
test-agents: $(VENV)/.test
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/packages
	scripts/agents all
	NIGHTLAB_TEST_AGENTS=all $(BIN)/python -m pytest tests/agents_real

gauntlet: $(VENV)/.test
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/packages
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=tests $(BIN)/python -m gauntlet

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

lint: $(VENV)/.test
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .agents demo .pytest_cache .mypy_cache .ruff_cache
