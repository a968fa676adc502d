.venv/stamp: setup.cfg
	python3 -m venv .venv
	.venv/bin/python -m pip install -q -e '.[test]'
	touch $@

test: .venv/stamp
	.venv/bin/python -m pytest -q -n 2
