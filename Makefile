.PHONY: run test lint types acceptance test-sparks test-postgres airflow fuzz

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

test-sparks:    ## the gates, the index, both corpora and the demo on every supported Spark
	infra/sparks.sh

test-postgres:  ## the rules repository on the oldest supported PostgreSQL
	infra/postgres.sh

airflow:        ## a scheduler, a web page and the workflows, on this machine: http://localhost:8080
	infra/airflow.sh

fuzz:           ## a million mutated rules through every gate; RULES and SEED may be given
	.venv/bin/python -m tests.fuzz_rules --rules $(or $(RULES),1000000) --seed $(or $(SEED),1)
