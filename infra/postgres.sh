#!/usr/bin/env bash
# The tests of the rules repository on a PostgreSQL of the system's packages: infra/postgres.sh [VERSION] (15, the oldest)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. infra/environment.sh
version=${1:-15}
install_into .venv constraints.txt -e '.[local,aws,bench,dev]'
if [ ! -x "/usr/lib/postgresql/$version/bin/initdb" ]; then
    apt "postgresql-$version" || {
        echo "PostgreSQL $version is needed and was not found. Install it, say: apt-get install postgresql-$version" >&2
        exit 5
    }
fi
say "The rules repository on PostgreSQL $version"
TEST_POSTGRES=$version .venv/bin/python -m pytest tests/security tests/functional/test_{analysts_manual,change_commands,exchange,four_eyes,illegal_moves}.py \
    tests/functional/test_{migrations,reference_lists,repository,rule_clocks,shared_parameters}.py tests/property/test_{change_machine,known_for_ever}.py
