"""Embeds a folder of person crops with a trained model.

    python tools/analysis_tools/extract_features.py CONFIG CHECKPOINT crops/ \
        --out features.npz

The file holds `features` ([N, D] float32, unit length) and `paths` ([N], relative to
the folder, sorted).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dynamix.apis import ReIDInferencer
from dynamix.datasets.image_files import IMAGE_SUFFIXES


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Embed a folder of person crops.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('folder', type=Path, help='crops, in subfolders too')
    parser.add_argument('--out', default='features.npz', help='file to write')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--device', help='by default a GPU if there is one')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if not args.folder.is_dir():
        raise SystemExit(f"there is no folder '{args.folder}'")
    paths = sorted(
        p for p in args.folder.rglob('*') if p.suffix.lower() in IMAGE_SUFFIXES
    )
    if not paths:
        raise SystemExit(
            f"'{args.folder}' holds no image ({', '.join(IMAGE_SUFFIXES)})"
        )
    inferencer = ReIDInferencer(args.config, args.checkpoint, args.device)
    features = inferencer(paths, args.batch_size)
    names = [path.relative_to(args.folder).as_posix() for path in paths]
    np.savez(args.out, features=features, paths=np.array(names))
    print(
        f'wrote {len(features)} features of {features.shape[1]} numbers to {args.out}'
    )


if __name__ == '__main__':
    main()
