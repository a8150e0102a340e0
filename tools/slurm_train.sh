#!/usr/bin/env bash
# usage: bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG [ARGS ...]
# In the environment: GPUS (all, 8), GPUS_PER_NODE (8, or GPUS if fewer),
# CPUS_PER_TASK (8), SRUN_ARGS.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n 2,4p "$0" >&2
    exit 2
fi
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
shift 3
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
# SRUN_ARGS holds several words on purpose.
# shellcheck disable=SC2086
exec srun -p "$PARTITION" \
    --job-name="$JOB_NAME" \
    --gres="gpu:$GPUS_PER_NODE" \
    --ntasks="$GPUS" \
    --ntasks-per-node="$GPUS_PER_NODE" \
    --cpus-per-task="${CPUS_PER_TASK:-8}" \
    --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/train.py" "$CONFIG" --launcher slurm "$@"
