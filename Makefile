# Two commands do everything on a machine with Python 3.11 or newer and pip: `make demo` and `make test`.
#
#   TORCH_ARGS  more arguments for installing torch, such as the index of its CPU builds
#   PIP         more arguments for every `pip install`
#   SERVE=0     `make demo` stops after it has printed the score
#   PORT        where the leaderboard listens
#   CI=1        `make test` fails where it would skip the browser test
#   WORKERS     processes that the tests are spread over; those that run models share one of them

PYTHON ?= python3
TORCH_ARGS ?=
PIP =
SERVE ?= 1
PORT ?= 8501
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder --max-worker-restart=0

SUITES := reasoning code_tools rag high_risk privacy safety synthetic_data on_device

.PHONY: help demo test check benchmark leaderboard toy family validity clean browser
.DEFAULT_GOAL := help

help:  ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

demo: $(INSTALLED)  ## Run and score the toy pair on all suites, then serve the leaderboard
	$(BIN)/angels-share run $(SUITES:%=--suite %) --track toy --profile pilot --output runs/toy \
		--canaries models/toy-teacher/canaries.json --batch-size 64 --no-calibrate \
		--teacher hf:pretrained=models/toy-teacher,dtype=float32 \
		--student hf:pretrained=models/toy-student,dtype=float32
	$(BIN)/angels-share index submissions -o index
	$(BIN)/angels-share score runs/toy -o runs/toy/score.json --brief
ifneq ($(SERVE),0)
	$(BIN)/angels-share leaderboard --index index --port $(PORT)
endif

test: $(INSTALLED) browser  ## Run every test, slow and browser tests included
	$(PYTEST)

check: $(INSTALLED)  ## Lint, check types and run the fast tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -m "not slow and not browser"

benchmark: $(INSTALLED)  ## Measure how fast scoring is, beside plain readings of the same logs
	$(BIN)/python -m pytest tests/benchmarks

leaderboard: $(INSTALLED)  ## Index the submissions and serve the leaderboard
	$(BIN)/angels-share index submissions -o index
	$(BIN)/angels-share leaderboard --index index --port $(PORT)

toy: $(INSTALLED)  ## Train the toy teacher and distil the toy student again
	$(BIN)/python models/train_toy.py teacher
	$(BIN)/python models/train_toy.py teacher-again
	$(BIN)/python models/train_toy.py student

family: $(INSTALLED)  ## Train the reference family, run it on all suites and pack its submissions; goes on where it stopped
	$(BIN)/python models/train_family.py
	$(BIN)/python models/measure_family.py
	$(BIN)/python models/pack_controls.py

validity: $(INSTALLED)  ## Write the validity report from the submissions of the reference family
	$(BIN)/angels-share validity submissions -o validity

clean:  ## Remove the environment, the demo's run, the index and all caches
	rm -rf $(VENV) runs/toy index dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests tasks leaderboard models -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP) --no-deps torch==2.13.0 $(TORCH_ARGS)
	$(BIN)/python -m pip install $(PIP) -c constraints.txt -e '.[dev]'
	touch $@

browser:
	@if command -v chromium >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && grep -qs '^ID=debian' /etc/os-release; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium && exit 0; \
	fi; \
	if [ "$(CI)" = 1 ]; then echo "chromium is missing, and CI=1 asks for the browser test" >&2; exit 1; fi; \
	echo "chromium is missing: the browser test is skipped"
