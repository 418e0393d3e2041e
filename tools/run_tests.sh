#!/usr/bin/env bash
# Set up if need be, and run the tests.
#   usage: tools/run_tests.sh [pytest options]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash tools/setup_env.sh
.venv/bin/ruff check .
exec .venv/bin/python -W ignore -m pytest "$@" tests
