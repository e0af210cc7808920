# make demo    the bridge on its built-in simulator: no login, no network
# make start   the bridge for real; logs in to GitHub the first time
# make test    every test that needs nothing but Python
# make lint    style and types
# make lint-js the same of the pages' scripts; npm installs tsc and biome for it, and without npm it says so
# make fuzz    ten minutes of broken responses and requests (SECONDS=... says how long); then twenty times as many
#              examples as usual of requests by the description of the API, and of each property
# make bench   what the bridge costs, beside nginx and the direct way; BASE=FILE compares with an earlier run
# make soak    half an hour of agents' traffic with a fault every few seconds; SECONDS=60 is shorter
#
# make test-clients   Claude Code, Codex, opencode and the Gemini CLI at work on the simulator, by settings of their own and
#                     by those that `copilot-bridge setup` writes for them.  npm installs them
#                     in ~/.cache/copilot-bridge/clients, or where CLIENTS_CACHE=... says
# make test-official  GitHub's own Copilot CLI at work on the simulator, and as a client of the bridge; its
#                     requests are compared with tests/official/golden.json (ARGS=--write-golden writes it
#                     anew).  NEWEST=1 takes the newest version, and says what it does otherwise
# make test-services  the bridge behind real nginx and Caddy, on a real PostgreSQL, and as a service; what
#                     is not installed is left out, with a word on it
# make test-pages     the pages in Chromium, which has to be there (CHROMIUM=... names one)
# make dist           sdist, wheel and one self-contained file, copilot-bridge.pyz, in dist/
# make test-dist      the same, and each is installed and tried in an empty folder
# make screenshots    the same, with pictures of them, light, dark and on a phone, in build/screenshots, and
#                     as colour-blind people see them, in colour-blindness there;
#                     those of the README are in build/screenshots/readme, small if pngquant is there, to
#                     be looked at and copied to docs/images
#
# Each sets up what it needs in .venv, once.  ARGS="--port 5000" is passed on.

# The first Python that is new enough; PYTHON=... names another.
NEW_ENOUGH = import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$each" -c '$(NEW_ENOUGH)' 2>/dev/null && echo "$$each" && break; done)
VENV = .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet

# Where this is set, each of the many processes that the tests start would compile everything anew.
export PYTHONDONTWRITEBYTECODE =
export NEWEST

.PHONY: demo start test fuzz test-services test-clients test-official test-pages screenshots lint lint-js format bench soak dist test-dist clean
.DEFAULT_GOAL = help

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed '/^$$/q'

demo: $(VENV)/runtime
	@$(BIN)/copilot-bridge start --simulate $(ARGS)

start: $(VENV)/runtime
	@$(BIN)/copilot-bridge start $(ARGS)

# One more than there are processors: some tests wait, but each of these processes has to collect all tests.
PROCESSES = $$($(BIN)/python -c 'import os; print(1 + (os.cpu_count() or 1))')

test: $(VENV)/dev
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist worksteal $(ARGS)

fuzz: $(VENV)/dev
	$(BIN)/python -m pytest tests/fuzz tests/integration/test_openapi.py --fuzz $${SECONDS:-600} \
		--hypothesis-profile fuzz $(ARGS)
	$(BIN)/python -m pytest tests/unit -m hypothesis --numprocesses auto --hypothesis-profile fuzz $(ARGS)

test-pages: $(VENV)/dev
	$(BIN)/python -m pytest tests/pages --numprocesses auto -r s $(ARGS)

screenshots: $(VENV)/dev
	$(BIN)/python -m pytest tests/pages --numprocesses auto --screenshots build/screenshots $(ARGS)
	@ls build/screenshots

test-clients: $(VENV)/dev
	@$(BIN)/python tests/clients/install.py
	$(BIN)/python -m pytest tests/clients $(ARGS)

test-official: $(VENV)/dev
	@PYTHONPATH=tests $(BIN)/python -m official.install
	$(BIN)/python -m pytest tests/official $(ARGS)

test-services: $(VENV)/dev
	$(BIN)/python -m pytest tests/services --numprocesses $(PROCESSES) -r s $(ARGS)

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lint-js: $(VENV)/dev
	@PYTHONPATH=tests $(BIN)/python -m scripts.lint

format: $(VENV)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev
	$(BIN)/python -m bench $(if $(BASE),--base $(BASE)) $(ARGS)

soak: $(VENV)/dev
	PYTHONPATH=tests $(BIN)/python -m soak $(SECONDS)

# The self-contained file holds compiled packages, so it is for this system and this version of Python.
# PYTHONPATH is extended, or the server, a process of its own, would not find what the file holds.
dist: $(VENV)/dev
	@rm -rf dist build
	$(BIN)/python -m build --outdir dist .
	$(BIN)/shiv --quiet --entry-point copilot_bridge.cli:main --extend-pythonpath --python '/usr/bin/env python3' \
		--output-file dist/copilot-bridge.pyz --requirement requirements.txt dist/*.whl
	@ls -l dist

test-dist: dist
	$(BIN)/python -m pytest tests/dist $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info

# A folder that is there but was not finished is made again from the start.
$(VENV)/python-ready:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer, with venv, is needed (make PYTHON=... names one)"; exit 1; }
	@echo "Making $(VENV) ..."
	@"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

$(VENV)/runtime: $(VENV)/python-ready requirements.txt setup.cfg pyproject.toml
	@$(BIN)/python -m compileall -q copilot_bridge  # or the first start would, which takes it twice as long
	@$(BIN)/python tools/install.py requirements.txt "what the bridge needs; this usually takes a minute"
	@$(PIP) install --no-deps --editable .
	@$(BIN)/python -m copilot_bridge.http.pages
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements-dev.txt
	@$(BIN)/python tools/install.py requirements-dev.txt "what the tests need; this usually takes two minutes"
	@touch $@
