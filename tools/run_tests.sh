#!/usr/bin/env bash
# Set up if need be; then lint, types and the tests, in two processes of one thread each.
#   usage: tools/run_tests.sh [pytest options]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash tools/setup_env.sh
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
OMP_NUM_THREADS=1 exec .venv/bin/python -W ignore -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder "$@" tests
