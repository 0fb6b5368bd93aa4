# The two commands of the README. Each makes its own environment on a fresh machine.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test lint types check weights clean

# The environment is rebuilt when the project's dependencies change.
$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

demo: $(VENV)/.demo
	$(BIN)/obftnet demo --out demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks

types: $(VENV)/.dev
	$(BIN)/mypy

check: test lint types

# The shipped weights, from nothing but the teacher's published weights (TEACHER: a local file of them).
# Hours on two cores; each step goes on where it was stopped.
TEACHER ?=
weights: $(VENV)/.demo
	$(BIN)/obftnet synthesize --out runs/generated --materials 190 --seed 0
	$(BIN)/obftnet distill --data runs/generated $(if $(TEACHER),--backbone-weights $(TEACHER)) --steps 3000 --seed 0 --out runs/distilled
	$(BIN)/obftnet train --data runs/generated --backbone compact --backbone-weights runs/distilled/backbone.safetensors \
	  --size 256 --cues abns --steps 1500 --episodes 200 --good-fraction 0.15 --precision bfloat16 --seed 0 \
	  --cache runs/cache --out runs/shipped
	$(BIN)/python tools/ship.py runs/shipped/model.safetensors src/obftnet/pretrained/obftnet-compact.safetensors --size 384

clean:
	rm -rf $(VENV) demo
