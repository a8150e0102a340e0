#!/usr/bin/env bash
# usage: bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [ARGS ...]
# Several machines: the same NNODES, MASTER_ADDR (of machine 0) and PORT (29500) in the
# environment of all, and NODE_RANK from 0 on.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n 2,4p "$0" >&2
    exit 2
fi
CONFIG=$1
CHECKPOINT=$2
GPUS=$3
shift 3
if [ "${NNODES:-1}" -gt 1 ]; then
    # With defaults each machine would wait for the others at its own address.
    : "${NODE_RANK:?is not set: with NNODES=$NNODES each machine needs its own}"
    : "${MASTER_ADDR:?is not set: with NNODES=$NNODES all need that of machine 0}"
fi
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
exec python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$GPUS" \
    "$(dirname "$0")/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "$@"
