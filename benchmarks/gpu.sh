#!/usr/bin/env bash
# Measures training, losses and ranking on a GPU and writes benchmarks/gpu.md.
# usage: bash benchmarks/gpu.sh [--rehearsal] [--parts NAME ...] [--out FILE]
#        bash benchmarks/gpu.sh --wheels DIR   fetch the wheels that a machine with
#                                              PyTorch, but without network, lacks
# Wheels in benchmarks/wheels, if there, are installed to a temporary folder first.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
PYTHON=${PYTHON:-python3}

make_wheels() {
    "$PYTHON" -m pip wheel --no-deps --wheel-dir "$1" \
        onedl-mmengine==0.10.12 onedl-mmcv==2.3.6 onedl-mmpretrain==1.3.6 faiss-cpu \
        model-index modelindex mat4py addict yapf termcolor ordered-set \
        lazy-importer importlib-metadata platformdirs
}

if [ "${1:-}" = --wheels ]; then
    make_wheels "${2:?"--wheels needs a folder"}"
    exit
fi

site=
if compgen -G "$ROOT/benchmarks/wheels/*.whl" >/dev/null; then
    site=$(mktemp -d)
    trap 'rm -rf "$site"' EXIT
    "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile \
        --target "$site" "$ROOT"/benchmarks/wheels/*.whl
fi
export PYTHONPATH=$ROOT${site:+:$site}${PYTHONPATH:+:$PYTHONPATH}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} MPLBACKEND=Agg
"$PYTHON" "$ROOT/benchmarks/gpu.py" "$@"
