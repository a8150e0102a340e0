"""Times what a loader worker does: from a JPEG to an augmented and a plain view.

Usage:
    OMP_NUM_THREADS=1 python benchmarks/loading.py [--rounds 15] [--photos FOLDER]

The pipeline of configs/dynamix_r50.py beside one with the same two views and the
same settings that has transforms of mmcv and MMPretrain alone. Both run in one data
set, one process and one thread, and take turns round by round, on drawn people
written as JPEG of quality 95 (or on the first crops of a folder). The fastest round of
each counts. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope

from dynamix.datasets import LabelledFolder, MixedDataset, SampleKey
from dynamix.datasets.synthetic import SyntheticPedestrians

CONFIG = Path(__file__).parents[1] / 'configs/_base_/datasets/msmt17_lupersonnl.py'
IMAGES = 200
SIZES = ((128, 64), (256, 128))

STOCK = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(128, 256)),
    dict(
        type='mmpretrain.MultiView',
        num_views=[1, 1],
        transforms=[
            [
                dict(type='RandomFlip', prob=0.5),
                dict(type='mmpretrain.RandomCrop', crop_size=(256, 128), padding=10),
                dict(
                    type='RandomApply',
                    prob=0.5,
                    transforms=dict(
                        type='mmpretrain.ColorJitter',
                        brightness=0.2,
                        contrast=0.15,
                        saturation=0.2,
                        hue=0.05,
                    ),
                ),
                dict(type='RandomGrayscale', prob=0.05, keep_channels=True),
                dict(
                    type='mmpretrain.GaussianBlur',
                    magnitude_range=(0.1, 2.0),
                    magnitude_std='inf',
                    prob=0.2,
                ),
                dict(
                    type='mmpretrain.RandomErasing',
                    erase_prob=0.5,
                    fill_color=[103.53, 116.28, 123.675],
                ),
            ],
            [],
        ],
    ),
    dict(type='mmpretrain.PackInputs'),
]


def draw(size: tuple[int, int]) -> list[bytes]:
    """JPEG files of drawn people, ``(height, width)`` large."""
    data = SyntheticPedestrians('train', image_size=size, num_identities=IMAGES)
    data.full_init()
    rows = np.linspace(0, len(data) - 1, IMAGES).astype(int).tolist()
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
    return [
        cv2.imencode('.jpg', data.get_data_info(row)['img'], quality)[1].tobytes()
        for row in rows
    ]


def seconds(data: MixedDataset) -> float:
    """CPU seconds an image, of one round over the data."""
    keys = [SampleKey(row, row) for row in range(len(data))]
    start = time.process_time()
    for key in keys:
        data[key]
    return (time.process_time() - start) / len(keys)


def measure(files: list[bytes], rounds: int) -> tuple[float, float]:
    """Seconds an image: with the stock transforms, and as the configs load it."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / 'train/1'
        folder.mkdir(parents=True)
        for i, code in enumerate(files):
            (folder / f'c1_{i:04d}.jpg').write_bytes(code)
        source = LabelledFolder(root, cache_dir=f'{root}/cache')
        kinds = STOCK, Config.fromfile(CONFIG).train_pipeline
        both = [MixedDataset([source], pipeline=pipeline) for pipeline in kinds]
        for data in both:
            data.full_init()
        stock, ours = np.min(
            [[seconds(data) for data in both] for _ in range(rounds)], axis=0
        )
    return stock, ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--photos', help='folder of crops (JPEG) to load as well')
    args = parser.parse_args()
    init_default_scope('dynamix')
    cv2.setNumThreads(0)
    cases = {f'drawn, {size[0]}x{size[1]}': draw(size) for size in SIZES}
    if args.photos:
        paths = sorted(Path(args.photos).rglob('*.jpg'))[:IMAGES]
        cases[f'{Path(args.photos).name}'] = [path.read_bytes() for path in paths]
    print('| images | KiB a file | stock, images/s | ours, images/s | ratio |')
    print('|---|---|---|---|---|')
    for name, files in cases.items():
        size = np.mean([len(code) for code in files]) / 1024
        stock, ours = measure(files, args.rounds)
        print(
            f'| {name} | {size:.1f} | {1 / stock:.0f} | {1 / ours:.0f} '
            f'| {stock / ours:.2f} |',
            flush=True,
        )


if __name__ == '__main__':
    main()
