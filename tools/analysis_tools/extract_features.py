"""Embeds a folder of person crops with a trained model.

    python tools/analysis_tools/extract_features.py CONFIG CHECKPOINT crops/ \\
        --out features.npz

The file holds `features` ([N, D] float32, unit length), `paths` ([N], relative to the
folder, in natural order) and `model`, the fingerprint of the weights. Images that
cannot be read are left out and named at the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dynamix.apis import ReIDInferencer
from dynamix.datasets import ImageTableBuilder
from dynamix.datasets.image_files import iter_images
from dynamix.engine.command_line import (
    add_config_options,
    add_embedding_options,
    config_errors,
    read_config,
)
from dynamix.output_file import written_whole


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', type=Path, help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('folder', type=Path, help='crops, in subfolders too')
    parser.add_argument(
        '--out', type=Path, default='features.npz', help='.npz file to write'
    )
    add_embedding_options(parser)
    add_config_options(parser)
    args = parser.parse_args()
    if args.out.suffix != '.npz':
        parser.error(f'--out {args.out}: expected a file that ends in .npz')
    return args


@config_errors(kinds=(OSError, TypeError, ValueError))
def main() -> None:
    args = parse_args()
    if not args.folder.is_dir():
        raise FileNotFoundError(f"there is no folder '{args.folder}'")
    builder = ImageTableBuilder(str(args.folder))
    names = np.array(list(iter_images(builder, '')))
    if not len(names):
        raise ValueError(f"'{args.folder}' holds no image{builder.other_files()}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    cfg = read_config(args.config, args.cfg_options)
    inferencer = ReIDInferencer(cfg, args.checkpoint, args.device)
    inferencer.skip_unreadable()
    paths = [args.folder / name for name in names]
    features = inferencer(paths, args.batch_size, args.num_workers, progress=True)
    readable = ~np.isnan(features).any(axis=1)
    if not readable.any():
        raise ValueError(
            f"none of the {len(names)} images of '{args.folder}' can be read"
        )
    with written_whole(args.out) as file:
        np.savez(
            file,
            features=features[readable],
            paths=names[readable],
            model=inferencer.fingerprint,
        )
    print(
        f'wrote {readable.sum()} features of {features.shape[1]} numbers to {args.out}'
        f'{builder.other_files()}'
    )
    if not readable.all():
        print(f'left out {(~readable).sum()} images, which cannot be read:')
        print(*names[~readable], sep='\n')


if __name__ == '__main__':
    main()
