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
	$(BIN)/ruff check src tests benchmarks tools docs runtime

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
	rm -f dist/obftnet-*.whl
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/python tools/check_wheel.py dist

# The weights that ship, from nothing but the teacher's published weights (TEACHER: a local file of them): one run on
# generated materials. Half a day of one core; each step goes on where it was stopped, so the same command
# may be called again and again. BACKBONE: a file of compact's weights to start from, in place of the
# distillation. Smaller numbers try the way out in minutes:
#   make weights MATERIALS=23 DISTILL_STEPS=20 STEPS=4 KEEP=2 RUNS=/tmp/try SHIPPED=/tmp/try/weights.safetensors
TEACHER ?=
MATERIALS ?= 276
DISTILL_STEPS ?= 3000
STEPS ?= 3400
# 350 steps are some 5,000 episodes.
KEEP ?= 350
CORESET ?= 4096
DEVICE ?= auto
RUNS ?= runs
BACKBONE ?= $(RUNS)/distilled/backbone.safetensors
SHIPPED ?= src/obftnet/pretrained/obftnet-compact.safetensors
WORKERS ?= 1
OBFTNET ?= $(BIN)/obftnet
# More options of the training, which override those below.
TRAIN ?=

weights: $(VENV)/.demo
	$(MAKE) weights-data
	$(MAKE) $(BACKBONE)
	$(MAKE) weights-run
	$(BIN)/python tools/ship.py $(RUNS)/weights/model.safetensors $(RUNS)/shipped.safetensors --coreset $(CORESET)
	$(MAKE) weights-presence
	cp $(RUNS)/presence.safetensors $(SHIPPED)

.PHONY: weights-data weights-run weights-presence
weights-data:
	$(OBFTNET) synthesize --out $(RUNS)/generated --materials $(MATERIALS) --seed 110 --kinds 3 --defective 6 \
	  --good 14 --size 256 --largest 512 --workers $(WORKERS)

$(RUNS)/distilled/backbone.safetensors: 
	$(OBFTNET) distill --data $(RUNS)/generated $(if $(TEACHER),--backbone-weights $(TEACHER)) \
	  --steps $(DISTILL_STEPS) --seed 0 --out $(RUNS)/distilled

weights-run:
	$(OBFTNET) train --data $(RUNS)/generated --backbone compact --backbone-weights $(BACKBONE) \
	  --cues abnsutm --query-skip --self-support --change --size 512 --smallest 256 \
	  --steps $(STEPS) --batch 4 --queries 4 --shots 5 --backgrounds 16 --varied-shots --good-fraction 0.5 \
	  --lr 2e-3 --backbone-lr 3e-4 --average 0.998 --keep-every $(KEEP) \
	  --precision bfloat16 --device $(DEVICE) --seed 0 --out $(RUNS)/weights $(TRAIN)

# On materials that the weights have not seen: of those they have, every good part is told.
weights-presence:
	$(OBFTNET) synthesize --out $(RUNS)/unseen --materials $(MATERIALS) --seed 111 --kinds 3 --defective 6 \
	  --good 12 --size 256 --largest 384 --workers $(WORKERS)
	$(BIN)/python tools/presence.py $(RUNS)/shipped.safetensors $(RUNS)/unseen $(RUNS)/presence.safetensors

# The paper's network on the beginning of those weights' backbone, `obftnet-paper`: two trainings on generated materials, an
# hour of one core. Smaller numbers try the way out in minutes:
#   make weights-paper PAPER_MATERIALS=23 PAPER_STEPS=2 PAPER_MORE=2 RUNS=/tmp/try PAPER=/tmp/try/paper.safetensors
PAPER_MATERIALS ?= 184
PAPER_STEPS ?= 600
PAPER_MORE ?= 650
PAPER ?= src/obftnet/pretrained/obftnet-paper.safetensors
PAPER_TRAIN = $(OBFTNET) train --data $(RUNS)/paper/generated --size 192 --recipe short --batch 4 --average 0.99 --device $(DEVICE)

.PHONY: weights-paper
weights-paper: $(VENV)/.demo
	$(OBFTNET) synthesize --out $(RUNS)/paper/generated --materials $(PAPER_MATERIALS) --seed 110 --kinds 3 --defective 6 \
	  --good 12 --size 256 --largest 384 --workers $(WORKERS)
	$(BIN)/python tools/backbone_of.py obftnet-compact $(RUNS)/paper/backbone.safetensors
	$(PAPER_TRAIN) --backbone compact_fine --backbone-weights $(RUNS)/paper/backbone.safetensors --reader encoder4d \
	  --transport-scale log --cosine-channels --cosine-temperature 0.02 --width 64 --steps $(PAPER_STEPS) --good-fraction 0.2 \
	  --seed 0 --out $(RUNS)/paper/first
	$(PAPER_TRAIN) --start $(RUNS)/paper/first --steps $(PAPER_MORE) --good-fraction 0.25 --seed 1 --out $(RUNS)/paper/second
	$(BIN)/python tools/ship.py $(RUNS)/paper/second/model.safetensors $(PAPER) --size 256

clean:
	rm -rf $(VENV) demo dist docs/_build
