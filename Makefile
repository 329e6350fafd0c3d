# Everything starts from here: `make lab` to learn, `make test` to check. Needs Python >= 3.11 and, once, a network.

VENV ?= .venv
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
  $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(p))))
BIN := $(abspath $(VENV))/bin
PY := $(BIN)/python
READY := $(VENV)/installed-pyproject.toml
# JupyterLab refuses to start as root unless told so; a container often has no other user.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := help
.PHONY: help venv lab test test-all notebooks covers student lint faithfulness benchmarks cuda

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(READY)  ## set up .venv, nothing else

# The stamp is a copy of the pyproject.toml that was installed: a newer date alone (a checkout) installs nothing again.
$(READY): pyproject.toml
	@if cmp -s pyproject.toml $@; then touch $@; exit 0; fi; \
	if [ -z "$(PYTHON)" ]; then echo "hrnet_viz needs Python 3.11 or newer: make PYTHON=/path/to/python" >&2; exit 1; fi; \
	set -ex; \
	$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV); \
	$(PY) -m pip install -e ".[lab,test]"; \
	cp pyproject.toml $@

lab: venv  ## open the first notebook in JupyterLab
	$(PY) -m jupyterlab $(AS_ROOT) notebooks/00_quickstart.ipynb

test: venv  ## unit tests, all notebooks through nbval, the browser on one notebook per kind of widget
	$(PY) -m pytest tests -m "not browser" -n auto --dist loadfile
	$(PY) -m pytest --nbval notebooks/
	$(PY) -m pytest tests -m browser $(BROWSER)

test-all: BROWSER := --all-notebooks
test-all: test  ## the same with every notebook in the browser

notebooks: venv  ## run all notebooks and store what they show
	$(PY) scripts/execute_notebooks.py

covers: venv  ## the pictures of README and notebooks/README, out of the stored notebooks and a real browser
	$(PY) scripts/notebook_covers.py
	$(PY) -m scripts.explorer_picture

student: venv  ## copies without solutions in student/ (or OUT=folder), answer_key.md beside it; FORCE=1 writes over work
	$(PY) scripts/student_copies.py $(if $(OUT),--out "$(OUT)") $(if $(FORCE),--force)

lint: venv  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

faithfulness: venv  ## do class activation maps tell the truth? methods x branches over PHOTOS=folder, into OUT=folder
	@test -n "$(PHOTOS)" || { echo "Say which photos: make faithfulness PHOTOS=folder (one folder per class)" >&2; exit 2; }
	$(PY) -m recipes.faithfulness teaching "$(PHOTOS)" --out "$(or $(OUT),runs/faithfulness)"

benchmarks: venv  ## the table that README quotes
	$(PY) -m benchmarks

# No venv before it: a bare GPU machine has PyTorch of its own and no network; see the script.
cuda:  ## notebooks, device tests and timings on a GPU (a rehearsal without one), into OUT=assets/measured/cuda.md
	$(if $(wildcard $(PY)),$(PY),$(PYTHON)) scripts/cuda_report.py --out "$(or $(OUT),assets/measured/cuda.md)" $(if $(LOGS),--logs "$(LOGS)")
