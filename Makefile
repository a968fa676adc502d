# `make lesson` and `make test` do all of their own set-up. Works with GNU make 3.81 or newer.

PYTHONS = python3 python3.14 python3.13 python3.12 python3.11 python
RUN = .venv/bin/

.PHONY: lesson test lint docs clean

lesson: .venv/installed
	$(RUN)minicnn lesson 1

test: .venv/installed-test
	$(RUN)python -m pytest -q -n 2

lint: .venv/installed-dev
	$(RUN)ruff check .
	$(RUN)mypy
	$(RUN)lint-imports

docs: .venv/installed-docs
	$(RUN)sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

clean:
	rm -rf .venv build dist *.egg-info docs/_build docs/lessons docs/equations.md .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# The first Python that is new enough makes the environment; the file says that it is there.
.venv/made:
	@for p in $(PYTHONS); do \
	  if $$p -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    echo "Making .venv with $$($$p --version)"; \
	    $$p -m venv .venv && touch $@ && exit 0; \
	    exit 1; \
	  fi; \
	done; \
	echo "minicnn needs Python 3.11 or newer with the venv module; none was found among: $(PYTHONS)."; \
	echo "Install it from python.org, or on Debian and Ubuntu: sudo apt install python3-venv"; \
	exit 1

# Installed anew only when the metadata changes.
.venv/installed: .venv/made setup.cfg pyproject.toml
	$(RUN)python -m pip install -q --disable-pip-version-check -e .
	@touch $@

.venv/installed-%: .venv/made setup.cfg pyproject.toml
	$(RUN)python -m pip install -q --disable-pip-version-check -e '.[$*]'
	@touch $@
