#!/usr/bin/env bash
# Set up each stack of tools/matrix and run the core tests in it.
#   usage: tools/test_matrix.sh [NAME...]   (default: all; stacks are kept in work_dirs/matrix, and so are their logs)
# A stack is a requirements file that begins with the version of Python, what mmcv is compiled from, and what is installed
# without its dependencies; a folder of its name is on PYTHONPATH meanwhile. Ends with a line a stack, and with 1 if one
# failed.
set -uo pipefail
if [ "$*" = --help ]; then
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CORE=(tests/test_compat.py tests/test_geometry.py tests/test_switch/test_to_mutual_teaching.py tests/test_models
  tests/test_datasets tests/test_engine/test_hook.py tests/test_engine/test_resume.py tests/test_end_to_end.py)
said() { sed -n "s/^# $1: //p" "$file"; }

interpreter() {
  local found
  for found in "python$1" "$HOME/.pyenv/versions/$1".*/bin/python; do
    "$found" -c '' 2>/dev/null && echo "$found" && return  # One of pyenv's shims may name a Python that is not there.
  done
  echo "test_matrix: no Python $1; install it, for example by pyenv" >&2
  return 1
}

# Each step ends the stack if it fails.
stack() {
  local python
  python=$(interpreter "$(said python)") &&
    { [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"; } &&
    pip install --upgrade pip wheel "setuptools<81" ninja cython &&
    pip install $(grep -E '^(torch|torchvision|numpy)[=<>]' "$file") &&
    { compgen -G "$venv/wheels/*.whl" ||
      PYTHONPATH=$repairs bash tools/build_mmcv.sh "$venv/bin/python" "$(said mmcv)" "$venv/wheels"; } &&
    pip install --no-build-isolation "$venv"/wheels/*.whl -r "$file" &&
    pip install --no-deps --no-build-isolation $(said 'without dependencies') &&
    pip install --no-deps --no-build-isolation -e . &&
    OMP_NUM_THREADS=1 "$venv/bin/python" -W ignore -m pytest --numprocesses 2 --dist loadfile -p no:cacheprovider \
      "${CORE[@]}"
}

names=("$@")
[ $# -gt 0 ] || names=($(basename -s .txt tools/matrix/*.txt))
for name in "${names[@]}"; do
  [ -f "tools/matrix/$name.txt" ] && continue
  echo "test_matrix: there is no stack $name; name some of" $(basename -s .txt tools/matrix/*.txt) >&2
  exit 2
done
results=()
for name in "${names[@]}"; do
  file=tools/matrix/$name.txt venv=$PWD/work_dirs/matrix/$name repairs=$PWD/tools/matrix/$name
  mkdir -p "$venv"
  pip() { PYTHONPATH=$repairs "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
  echo "[$name] Python $(said python), $(said mmcv) ...; log in $venv.log"
  stack >"$venv.log" 2>&1 && verdict=passed || verdict=FAILED
  # Some packages say something more at the end.
  counts=$(grep -E '[0-9]+ (passed|failed|errors?)\b' "$venv.log" || cat "$venv.log")
  results+=("$name: $verdict ($(tail -n 1 <<<"$counts"))")
done
printf '%s\n' "${results[@]}"
[[ "${results[*]}" != *FAILED* ]]
