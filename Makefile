# The two commands of the README. Each makes its own environment on a fresh machine.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test lint types check docs docs-test nightly wheel weights clean

# The environment is rebuilt when the project's dependencies change.
$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

$(VENV)/.docs: $(VENV)/.dev
	$(BIN)/pip install --quiet --editable '.[dev,docs]'
	touch $@

demo: $(VENV)/.demo
	$(BIN)/obftnet demo --out demo

# Two processes of one thread each are quicker than one of two threads: small tensors do not feed two.
TESTS = OMP_NUM_THREADS=1 $(BIN)/python -m pytest
test: $(VENV)/.dev
	$(TESTS) -n 2 --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks tools docs

types: $(VENV)/.dev
	$(BIN)/mypy

check: test lint types

# The docs site, into docs/_build/html; a warning is an error.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

# Every command of the documents, and the notebooks.
docs-test: $(VENV)/.docs
	$(TESTS) -m 'slow or not slow' tests/docs

# All that takes too long for `make test`.
nightly: docs $(VENV)/.docs
	$(TESTS) -m slow
	$(MAKE) wheel

# A wheel in dist/, looked into, installed into an environment of its own, and run there.
wheel: $(VENV)/.dev
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/python tools/check_wheel.py dist

# The shipped weights, from nothing but the teacher's published weights (TEACHER: a local file of them).
# Hours on two cores; each step goes on where it was stopped. Smaller numbers try the way out in minutes:
#   make weights MATERIALS=23 MORE_MATERIALS=23 LAST_MATERIALS=23 TURNED_MATERIALS=23 TWICE_MATERIALS=23 \
#     DISTILL_STEPS=20 STEPS=4 MORE_STEPS=2 LAST_STEPS=2 TURNED_STEPS=2 TWICE_STEPS=2 \
#     RUNS=/tmp/try SHIPPED=/tmp/try/weights.safetensors
TEACHER ?=
MATERIALS ?= 240
DISTILL_STEPS ?= 3000
STEPS ?= 600
MORE_MATERIALS ?= 345
MORE_STEPS ?= 650
LAST_MATERIALS ?= 207
LAST_STEPS ?= 500
TURNED_MATERIALS ?= 138
TURNED_STEPS ?= 300
TWICE_MATERIALS ?= 138
TWICE_STEPS ?= 240
CORESET ?= 4096
RUNS ?= runs
SHIPPED ?= src/obftnet/pretrained/obftnet-compact.safetensors
weights: $(VENV)/.demo
	$(BIN)/obftnet synthesize --out $(RUNS)/generated --materials $(MATERIALS) --seed 0 --kinds 3 --defective 5 --good 6 \
	  --size 256 --largest 448
	$(BIN)/obftnet distill --data $(RUNS)/generated $(if $(TEACHER),--backbone-weights $(TEACHER)) \
	  --steps $(DISTILL_STEPS) --seed 0 --out $(RUNS)/distilled
	$(BIN)/obftnet train --data $(RUNS)/generated --backbone compact \
	  --backbone-weights $(RUNS)/distilled/backbone.safetensors --backbone-lr 3e-4 --cues abnsu --query-skip \
	  --size 384 --smallest 256 --steps $(STEPS) --shots 5 --backgrounds 2 --varied-shots --good-fraction 0.2 \
	  --precision bfloat16 --seed 0 --out $(RUNS)/first
	$(BIN)/obftnet synthesize --out $(RUNS)/larger --materials $(MORE_MATERIALS) --seed 2 --kinds 3 --defective 5 --good 6 \
	  --size 256 --largest 640
	$(BIN)/obftnet train --data $(RUNS)/larger --start $(RUNS)/first --backbone-lr 2e-4 --lr 1e-3 \
	  --size 512 --smallest 256 --steps $(MORE_STEPS) --shots 5 --backgrounds 2 --varied-shots --good-fraction 0.2 \
	  --precision bfloat16 --seed 1 --out $(RUNS)/second
	$(BIN)/obftnet synthesize --out $(RUNS)/last --materials $(LAST_MATERIALS) --seed 3 --kinds 3 --defective 5 --good 6 \
	  --size 256 --largest 640
	$(BIN)/obftnet train --data $(RUNS)/last --start $(RUNS)/second --backbone-lr 2e-4 --lr 1e-3 \
	  --size 512 --smallest 256 --steps $(LAST_STEPS) --shots 5 --backgrounds 2 --varied-shots --good-fraction 0.2 \
	  --precision bfloat16 --seed 2 --out $(RUNS)/third
	$(BIN)/python tools/ship.py $(RUNS)/third/model.safetensors $(RUNS)/mean.safetensors \
	  --average $(RUNS)/second/model.safetensors
	$(BIN)/obftnet synthesize --out $(RUNS)/turned --materials $(TURNED_MATERIALS) --seed 4 --kinds 3 --defective 5 \
	  --good 6 --size 256 --largest 640
	$(BIN)/obftnet train --data $(RUNS)/turned --start $(RUNS)/mean.safetensors --cues abnsutm --backbone-lr 2e-4 \
	  --lr 1e-3 --size 512 --smallest 256 --steps $(TURNED_STEPS) --shots 5 --backgrounds 2 --varied-shots \
	  --good-fraction 0.2 --precision bfloat16 --seed 3 --out $(RUNS)/fourth
	$(BIN)/obftnet synthesize --out $(RUNS)/twice --materials $(TWICE_MATERIALS) --seed 5 --kinds 3 --defective 5 \
	  --good 6 --size 256 --largest 640
	$(BIN)/obftnet train --data $(RUNS)/twice --start $(RUNS)/fourth --self-support --backbone-lr 2e-4 \
	  --lr 1e-3 --size 512 --smallest 256 --steps $(TWICE_STEPS) --shots 5 --backgrounds 2 --varied-shots \
	  --good-fraction 0.2 --precision bfloat16 --seed 4 --out $(RUNS)/fifth
	$(BIN)/python tools/ship.py $(RUNS)/fifth/model.safetensors $(SHIPPED) --coreset $(CORESET) \
	  --average $(RUNS)/fourth/model.safetensors

clean:
	rm -rf $(VENV) demo
