#!/usr/bin/env bash
# Tries a wheel of HEAD in a fresh environment; docs/compatibility.md has the results.
# usage: bash benchmarks/compatibility.sh STACK [PYTHON] [CHECK]
#   STACK   forks (onedl-*) or originals (mmengine, mmcv-lite, mmpretrain)
#   PYTHON  version or path of an interpreter; by default 3.11
#   CHECK   mim: search, train, test and check_data by onedl-mim (forks only)
#           tests: the fast part of the test suite (the default)
# Needs uv, about 8 GB of disk and, for CHECK, some five minutes on one core.
set -euo pipefail
if [ $# -lt 1 ]; then
    sed -n 3,8p "$0" >&2
    exit 2
fi
STACK=$1
PYTHON=${2:-3.11}
CHECK=${3:-tests}
ROOT=$(cd "$(dirname "$0")/.." && pwd)
export OMP_NUM_THREADS=1 MPLBACKEND=Agg
unset PYTHONPATH
FORKS=(onedl-mmengine onedl-mmcv onedl-mmpretrain)
ORIGINALS=(mmengine==0.10.7 mmcv-lite==2.2.0 mmpretrain==1.2.0
    'numpy<2' 'opencv-python<4.12' 'setuptools<82')
COMMON=(torch torchvision tensorboard)
# The part of the suite that meets MMEngine, mmcv and MMPretrain most.
TESTS=(tests/test_registry.py tests/test_components.py tests/test_docs.py
    tests/test_apis tests/test_structures tests/test_evaluation tests/test_models
    tests/test_engine/test_hooks)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git -C "$ROOT" archive HEAD | tar -x -C "$folder"
cd "$folder"
uv build --quiet --wheel --out-dir dist
rm -r dynamix build # what is installed is tried
wheel=$(echo dist/*.whl)
uv venv --quiet --python "$PYTHON" env
export PATH="$folder/env/bin:$PATH" VIRTUAL_ENV="$folder/env"
case "$STACK-$CHECK" in
forks-mim) uv pip install --quiet "$wheel" "${FORKS[@]}" "${COMMON[@]}" onedl-mim ;;
forks-tests) uv pip install --quiet "$wheel[tests]" "${FORKS[@]}" "${COMMON[@]}" ;;
originals-tests) # trackers (extra video) needs NumPy 2
    uv pip install --quiet "$wheel[gallery,lmdb,onnx,tables]" hypothesis pytest \
        "${ORIGINALS[@]}" "${COMMON[@]}"
    ;;
*)
    echo "no such check: $STACK $CHECK" >&2
    exit 2
    ;;
esac
python --version
uv pip freeze | grep -iE '^(onedl-|mm|torch|numpy|opencv|setuptools)'

if [ "$CHECK" = tests ]; then
    python -m pytest -m 'not slow' "${TESTS[@]}"
    exit
fi

mkdir demo
cd demo # no configs here but the wheel's
demo=dynamix_r18_synthetic
mim search dynamix-reid --valid-config
mim search dynamix-reid --config $demo
mim train dynamix-reid $demo.py --work-dir demo --cfg-options \
    train_cfg.max_epochs=1 train_dataloader.sampler.iterations=2
mim test dynamix-reid $demo.py --checkpoint demo/epoch_1.pth --work-dir demo
mim run dynamix-reid check_data "$(find ../env -path "*/.mim/configs/$demo.py")"
