#!/usr/bin/env bash
# Compile a wheel of mmcv with its operators for CPUs, against the torch that an interpreter has.
#   usage: tools/build_mmcv.sh PYTHON NAME==VERSION FOLDER        (torch, ninja, wheel and setuptools<81 are installed)
set -euo pipefail
if [ $# != 3 ]; then
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  [ "$*" = --help ] && exit
  echo "build_mmcv: it takes 3 arguments, not $#" >&2
  exit 2
fi
python=$1 requirement=$2 folder=$3
pip=("$python" -m pip --disable-pip-version-check)

# There are some 77 small files, and for each the compiler reads torch's headers anew, which takes most of the time: one
# file of each folder includes the others, but for those that define what another one does.
join_sources() {
  local folder file apart=' psamask roi_align roi_align_rotated rotated_feature_align '
  for folder in "$1" "$1/cpu"; do
    for file in "$folder"/*.cpp; do
      file=$(basename "$file" .cpp)
      [[ $folder == */cpu && $apart == *" $file "* ]] && continue
      mv "$folder/$file.cpp" "$folder/$file.inc"
      echo "#include \"$file.inc\"" >>"$folder/joined"
    done
    mv "$folder/joined" "$folder/joined.cpp"
  done
}

mkdir -p "$folder"
build=$(mktemp -d "$folder/build.XXXXXX")
trap 'rm -rf "$build"' EXIT
"${pip[@]}" download --no-deps --no-build-isolation --no-binary :all: --dest "$build" "$requirement"
mkdir "$build/source"
tar -xzf "$build"/*.tar.gz -C "$build/source" --strip-components=1
join_sources "$build/source/mmcv/ops/csrc/pytorch"
sed -i 's/-std=c++14/-std=c++17/' "$build/source/setup.py" # mmcv 2.0's own, with which torch 2.1 does not compile.
# -g0: half the time and a tenth of the size. The wheel is moved into place whole, or not at all.
# Without a device to be seen: mmcv would compile for one where torch finds it, which needs CUDA's compiler.
CUDA_VISIBLE_DEVICES='' CFLAGS=-g0 MMCV_WITH_OPS=1 FORCE_CUDA=0 MAX_JOBS=$(nproc) "${pip[@]}" wheel --no-deps \
  --no-build-isolation --wheel-dir "$build" "$build/source"
mv "$build"/*.whl "$folder"/
