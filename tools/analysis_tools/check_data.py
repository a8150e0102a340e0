"""Reads all data that a config names and says what is in it.

    python tools/analysis_tools/check_data.py CONFIG [--decode 1000]

Prints a table of the training sources and one of the targets. Ends with status 1 if a
source cannot be read, if sources cannot be used as the config has them, or if an image
that was decoded is broken.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope

from dynamix.datasets import ReIDDataset
from dynamix.datasets.label_checks import images_per_identity
from dynamix.datasets.transforms import LoadReIDImage
from dynamix.registry import DATASETS

# What a wrong entry of a config raises, unknown types and arguments too.
WRONG = (OSError, ValueError, TypeError, KeyError)
TRAINING = (
    'source',
    'kind',
    'images',
    'identities',
    'cameras',
    'videos',
    'images/identity (min, median, max)',
    'with one image',
)
TARGETS = (
    'target',
    'images',
    'identities',
    'cameras',
    'splits',
    'queries',
    'gallery',
    'queries without match',
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Check the data of a config.')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--decode',
        type=int,
        default=0,
        metavar='N',
        help='also decode N images of each source, evenly spread; -1: all',
    )
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args()


def training_row(dataset: ReIDDataset) -> list[str]:
    """One row of the training table."""
    table = dataset.table
    counts = images_per_identity(table.identity)
    videos = np.unique(table.video[table.video >= 0])
    spread = (
        f'{counts.min()}, {np.median(counts):g}, {counts.max()}' if len(counts) else '-'
    )
    single = dataset.kind == 'single_camera'
    return [
        dataset.name,
        dataset.kind,
        f'{len(table)}',
        f'{len(counts)}',
        f'{len(videos if single else np.unique(table.camera))}',
        f'{len(videos)}' if single else '-',
        spread,
        f'{(counts == 1).sum()}',
    ]


def target_row(dataset: ReIDDataset) -> list[str]:
    """One row of the table of targets; numbers of a split are means."""
    checks = dataset.split_checks()

    def mean(of: str) -> str:
        # a training set has no splits; that it is no target is said below the table
        return f'{np.mean([getattr(c, of) for c in checks]):g}' if checks else '-'

    return [
        dataset.name,
        f'{len(dataset.table)}',
        f'{len(np.unique(dataset.table.identity))}',
        f'{len(np.unique(dataset.table.camera))}',
        f'{len(checks)}',
        *map(mean, ('queries', 'gallery', 'without_match')),
    ]


def broken_images(dataset: ReIDDataset, number: int) -> list[str]:
    """Messages about the images that cannot be decoded.

    Args:
        dataset (ReIDDataset): To read from.
        number (int): How many to decode, evenly spread; -1: all.
    """
    size = len(dataset)
    number = size if number < 0 else min(number, size)
    load = LoadReIDImage()
    messages = []
    for index in np.linspace(0, size - 1, number).astype(int).tolist():
        try:
            load(dataset.get_data_info(index))
        except (OSError, ValueError) as error:
            messages.append(str(error))
    return messages


def describe(error: Exception) -> str:
    """What an error says; that of a missing key says no more than the key."""
    return f'there is no key {error}' if type(error) is KeyError else str(error)


def joint_problems(datasets: list[dict[str, Any]]) -> list[str]:
    """Messages about data sets that cannot be what the config makes them."""
    messages = []
    for cfg in datasets:
        try:
            if cfg:
                DATASETS.build(dict(cfg, pipeline=[])).full_init()
        except WRONG as error:
            messages.append(describe(error))
    return messages


def print_table(head: tuple[str, ...], rows: list[list[str]]) -> None:
    """Prints columns as wide as their widest entry; nothing without rows."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    for row in (head, *rows):
        print('  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print()


def main() -> int:
    args = parse_args()
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'dynamix'))
    train: dict[str, Any] = cfg.get('train_dataloader', {}).get('dataset', {})
    test: dict[str, Any] = cfg.get('test_dataloader', {}).get('dataset', {})
    problems: list[str] = []
    for head, row, sources in (
        (
            TRAINING,
            training_row,
            [*train.get('multi_camera', ()), *train.get('single_camera', ())],
        ),
        (TARGETS, target_row, test.get('targets', ())),
    ):
        rows = []
        for source in sources:
            try:
                dataset = DATASETS.build(source)
                dataset.full_init()
                rows.append(row(dataset))
                problems += broken_images(dataset, args.decode)
            except WRONG as error:
                problems.append(describe(error))
        print_table(head, rows)
    if not problems:
        problems += joint_problems([train, test])
    for problem in problems:
        print(f'error: {problem}')
    print(f'{len(problems)} errors.')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
