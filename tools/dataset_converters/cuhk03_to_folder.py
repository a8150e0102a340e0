"""Writes CUHK03, as published, in the layout that `CUHK03NP` reads.

    python tools/dataset_converters/cuhk03_to_folder.py cuhk03/ data/CUHK03-NP

The first folder holds, at any depth, `cuhk-03.mat` and one or both files of the new
protocol, `cuhk03_new_protocol_config_labeled.mat` (boxes drawn by hand) and
`cuhk03_new_protocol_config_detected.mat`. Images are written as PNG below `labeled/`
and `detected/`: `bounding_box_train/`, `query/` and `bounding_box_test/`. Needs h5py:
`pip install -e ".[cuhk03]"`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.utils import track_iter_progress
from scipy.io import loadmat

BOXES = ('labeled', 'detected')
PARTS = dict(
    bounding_box_train='train_idx', query='query_idx', bounding_box_test='gallery_idx'
)
# pair of cameras, person of the pair, camera of the pair, number of the image
NAME = re.compile(r'(\d)_(\d+)_\d_(\d+)\.png')


def parse_args() -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='folder of the published files')
    parser.add_argument('out', type=Path, help='folder to write to')
    return parser, parser.parse_args()


def protocol_images(config: Path, box: str) -> Iterator[tuple[str, str]]:
    """Name in `cuhk-03.mat` and path to write of each image of the new protocol."""
    protocol = loadmat(config, simplify_cells=True)
    names, people, cameras = (
        np.atleast_1d(protocol[key]) for key in ('filelist', 'labels', 'camId')
    )
    for folder, key in PARTS.items():
        for row in np.atleast_1d(protocol[key]).tolist():
            person, camera = people[row - 1], cameras[row - 1]
            file = f'{person:04d}_c{camera}_{row}.png'
            yield str(names[row - 1]), f'{box}/{folder}/{file}'


def read_image(mat: Any, box: str, name: str) -> np.ndarray:
    """An image, `[height, width, 3]` uint8 BGR; HDF5 has MATLAB's axes reversed."""
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(
            f'the protocol has {name!r}, expected names like 1_001_1_01.png'
        )
    pair, person, number = map(int, match.groups())
    cells = mat[mat[box][0, pair - 1]]
    image = mat[cells[number - 1, person - 1]][()].T
    if image.ndim != 3:
        raise ValueError(f'{box} {name} of the protocol is no image')
    return np.ascontiguousarray(image[..., ::-1])


def main() -> None:
    parser, args = parse_args()
    try:
        import h5py
    except ImportError:
        parser.error('h5py is missing: pip install -e ".[cuhk03]"')
    mats = sorted(args.source.rglob('cuhk-03.mat'))
    configs = {
        box: file
        for box in BOXES
        for file in args.source.rglob(f'cuhk03_new_protocol_config_{box}.mat')
    }
    if not mats or not configs:
        parser.error(
            f"'{args.source}' must hold cuhk-03.mat and cuhk03_new_protocol_config_"
            'labeled.mat or ..._detected.mat'
        )
    try:
        with h5py.File(mats[0]) as mat:
            for box, config in configs.items():
                images = [*protocol_images(config, box)]
                for folder in PARTS:
                    (args.out / box / folder).mkdir(parents=True, exist_ok=True)
                print(f'{box}: {len(images)} images')
                for name, file in track_iter_progress(images):
                    if not cv2.imwrite(
                        str(args.out / file), read_image(mat, box, name)
                    ):
                        raise OSError(f'{args.out / file} cannot be written')
    except (LookupError, NotImplementedError, OSError, ValueError) as error:
        parser.error(f'{mats[0]} or the protocol beside it cannot be used: {error}')


if __name__ == '__main__':
    main()
