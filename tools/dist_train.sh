#!/usr/bin/env bash
# Train in several processes, one a GPU, or on a CPU. On several machines set NNODES, NODE_RANK, MASTER_ADDR and PORT.
#   usage: tools/dist_train.sh CONFIG PROCESSES [options of tools/train.py]
set -euo pipefail
if [ $# -lt 2 ]; then
  echo "usage: tools/dist_train.sh CONFIG PROCESSES [options of tools/train.py]" >&2
  exit 2
fi
exec python -m torch.distributed.run --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" --nproc_per_node="$2" \
    "$(dirname "${BASH_SOURCE[0]}")/train.py" "$1" --launcher pytorch "${@:3}"
