#!/usr/bin/env bash
# Install everything and run the demo. Options are the demo's own: ./run.sh --customers 20000
set -euo pipefail
started=$SECONDS
cd "$(dirname "${BASH_SOURCE[0]}")"
. infra/environment.sh
install_into .venv constraints.txt -e '.[local,aws]'
.venv/bin/rules demo "$@"
say "Total: $((SECONDS - started)) s"
