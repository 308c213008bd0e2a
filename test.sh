#!/usr/bin/env bash
# Install everything and run every check and test. Arguments go to pytest: ./test.sh -k decide
# EVERY_CASE=1 ./test.sh takes an hour: CONTRIBUTING.md says what it runs besides.
set -euo pipefail
started=$SECONDS
cd "$(dirname "${BASH_SOURCE[0]}")"
. infra/environment.sh
install_into .venv constraints.txt -e '.[local,aws,bench,dev]'
# Meanwhile, for later: what tests need of the network, and the workflow's own environment.
mkdir -p build
.venv/bin/python -m tests.downloads >build/downloads.log 2>&1 &
# The workflow's tests run beside the others, which leave a core idle now and then.
{
    install_into .venv-airflow airflow/constraints.txt 'apache-airflow' 'apache-airflow-providers-amazon' 'moto[server]' pytest &&
        AIRFLOW_HOME=$(mktemp -d) .venv-airflow/bin/python -m pytest -q -c /dev/null --rootdir=tests/airflow tests/airflow
} >build/airflow.log 2>&1 &
airflow=$!

say "ruff"
.venv/bin/ruff check .
.venv/bin/ruff format --check --quiet .
say "import-linter"
.venv/bin/lint-imports --no-cache | tail -n 20
say "mypy"
.venv/bin/mypy
say "pytest"
.venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
say "pytest: the workflow under Airflow"
passed=0
wait "$airflow" || passed=$?
cat build/airflow.log
[ "$passed" = 0 ]
if [ -n "${EVERY_CASE:-}" ]; then
    say "bench: ratios that must not get worse"
    .venv/bin/python -m bench --profile short --results build/bench/results
fi
say "All checks passed in $((SECONDS - started)) s"
