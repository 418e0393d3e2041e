#!/usr/bin/env bash
# Make .venv with the pinned stack of requirements.txt and install this project into it, in editable mode.
#   usage: tools/setup_env.sh          (PYTHON=/path/to/python3.11 chooses the interpreter)
# Does nothing when all is in place. The one slow step, compiling mmcv, happens once for each Python, torch and mmcv
# version: its wheel is kept in ${XDG_CACHE_HOME:-~/.cache}/mmpose_dualteach.
set -euo pipefail
if [ $# -gt 0 ]; then
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  [ "$*" = --help ] && exit
  echo "setup_env: it takes no arguments, not $*" >&2
  exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=.venv
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mmpose_dualteach
log=$cache/setup.log
say() { printf '[setup %s] %s\n' "$(date +%H:%M:%S)" "$*"; }
die() { printf 'setup_env: %s\n' "$*" >&2; exit 1; }
pinned() { sed -n "s/^$1==\([^ ]*\).*/\1/p" requirements.txt; }

stamp="$venv/.ready-$(cat requirements.txt setup.py tools/setup_env.sh tools/build_mmcv.sh | cksum | tr ' ' -)-$(pwd | cksum | cut -d' ' -f1)"
if [ -e "$stamp" ] && "$venv/bin/python" -c 'import sys' 2>/dev/null; then
  exit 0
fi

# What must be there before anything is downloaded.
python=${PYTHON:-}
for candidate in python3.11 python3 python; do
  [ -n "$python" ] && break
  [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = 3.11 ] && python=$candidate
done
[ -n "$python" ] || die "Python 3.11 is missing (found: $(python3 --version 2>&1 || true)); install it or set PYTHON=/path/to/python3.11"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || die "PYTHON=$python does not run; set it to a Python 3.11"
[ "$version" = 3.11 ] || die "PYTHON=$python is Python $version; the pinned stack needs Python 3.11"
"$python" -c 'import venv, ensurepip' 2>/dev/null || die "$python has no venv module; install it (Debian: python3.11-venv)"
wheels=$cache/mmcv-$(pinned mmcv)-cp${version/./}-torch-$(pinned torch)
if ! compgen -G "$wheels/*.whl" >/dev/null; then
  command -v "${CXX:-g++}" >/dev/null || die "no C++ compiler (${CXX:-g++}); mmcv is compiled from source: install g++ (Debian: build-essential)"
  "$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
    die "the headers of $python are missing (Python.h); install them (Debian: python3.11-dev)"
fi
mkdir -p "$wheels" "$venv" || die "cannot write $wheels or $venv"
free=$(df -Pm "$venv" | awk 'NR == 2 { print $4 }')
used=$(du -sm "$venv" | cut -f 1)
# pip writes INSTALLER last, and torchvision comes last of torch's wheels.
compgen -G "$venv/lib/python3.11/site-packages/torchvision-*.dist-info/INSTALLER" >/dev/null ||
  [ $((free + used)) -ge 7000 ] ||
  die "not enough disk: $free MB free for $(pwd)/$venv, $((7000 - used)) MB are needed"

# Run one step: its output goes to the log, its time to the screen; a failure ends in one line that names the cause.
step() {
  local title=$1 start=$SECONDS from ticker=
  shift
  say "$title ..."
  from=$(($(wc -c <"$log") + 1))
  # The trap ends the sleep as well, which would hold the caller's pipe open.
  (trap 'kill $! 2>/dev/null; exit' TERM
   while sleep 60 & wait $!; do say "... $title: $((SECONDS - start)) s so far"; done) & ticker=$!
  if ! "$@" >>"$log" 2>&1; then
    kill "$ticker" 2>/dev/null
    local reason="the cause is in $log"
    tail -c "+$from" "$log" | grep -qiE 'name resolution|NewConnectionError|ConnectTimeout|Network is unreachable|ProxyError|No matching distribution' &&
      reason="no network: the package index cannot be reached, or lacks the package (see $log)"
    tail -c "+$from" "$log" | grep -qiE 'No space left|Disk quota' && reason="the disk is full"
    die "failed at '$title': $reason"
  fi
  kill "$ticker" 2>/dev/null
  wait "$ticker" 2>/dev/null || true
  say "    done in $((SECONDS - start)) s"
}

# pip keeps what a call downloads until all of it is installed: with a call for each of torch's large wheels there is
# never more than one of them beside what is installed, which saves 2 GB of disk.
install_torch() {
  local requirement
  "${pip[@]}" install --no-deps "torch==$(pinned torch)" || return
  while read -r requirement; do
    "${pip[@]}" install "$requirement" || return
  done < <("$venv/bin/python" -c 'from importlib.metadata import requires; print("\n".join(requires("torch")))' |
    grep -v 'extra ==')
  "${pip[@]}" install "torch==$(pinned torch)" "torchvision==$(pinned torchvision)" "numpy==$(pinned numpy)"
}

install_rest() {
  local job= status=0
  if ! compgen -G "$wheels/*.whl" >/dev/null; then
    bash tools/build_mmcv.sh "$venv/bin/python" "mmcv==$(pinned mmcv)" "$wheels" & job=$!
  fi
  "${pip[@]}" install -r <(grep -v '^mmcv==' requirements.txt) || status=$?
  [ -z "$job" ] || wait "$job" || status=$?
  [ "$status" = 0 ] && "${pip[@]}" install --find-links "$wheels" -r requirements.txt
}

: >"$log"
say "setting up $(pwd)/$venv with $("$python" --version); details in $log"
rm -f "$venv"/.ready-*
"$venv/bin/python" -c 'import pip' 2>/dev/null || step "new virtual environment" "$python" -m venv --clear "$venv"
pip=("$(pwd)/$venv/bin/python" -m pip --disable-pip-version-check)
step "pip, wheel, setuptools, ninja" "${pip[@]}" install --upgrade pip wheel "setuptools<81" ninja
step "torch $(pinned torch) and torchvision (about 2 minutes, 4.7 GB on disk)" \
  install_torch
step "chumpy" "${pip[@]}" install --no-build-isolation --no-deps "chumpy==$(pinned chumpy)"
rest="mmpose $(pinned mmpose) and the rest"
compgen -G "$wheels/*.whl" >/dev/null || rest="compiling mmcv $(pinned mmcv) (once; kept in $wheels), meanwhile $rest"
step "$rest" install_rest
step "mmpose_dualteach itself" "${pip[@]}" install --no-build-isolation -e .
step "checking that it imports" "$venv/bin/python" -c 'import mmpose_dualteach'
touch "$stamp"
say "ready in $SECONDS s"
