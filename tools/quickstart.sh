#!/usr/bin/env bash
# Set up if need be; then draw people, train a supervised baseline and mutual teaching, and compare them.
#   usage: tools/quickstart.sh [--seed N] [--work-dir DIR]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash tools/setup_env.sh
exec .venv/bin/python -W ignore tools/quickstart.py "$@"
