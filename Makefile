.PHONY: run test lint types acceptance

run:            ## install and run the demo
	./run.sh

test:           ## install and run every check and test
	./test.sh

lint:           ## style and layers
	.venv/bin/ruff check .
	.venv/bin/lint-imports

types:          ## static types
	.venv/bin/mypy

acceptance:     ## both public corpora, exactly
	.venv/bin/python -m tests.acceptance ../shared/corpora/berka
	.venv/bin/python -m tests.acceptance ../shared/corpora/german_credit
