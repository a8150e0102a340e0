"""Reads all data that a config names and prints what it holds.

    python tools/analysis_tools/check_data.py CONFIG [--decode 1000 [--workers 8]]

Prints a table of the training sources and one of the targets. Ends with status 1 if a
source cannot be read, if sources cannot be used as the config has them (in the batches
that its sampler makes, by the metric that scores them), or if an image that was decoded
is broken.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader, Dataset

from dynamix.datasets import ReIDDataset
from dynamix.datasets.label_checks import images_per_identity
from dynamix.datasets.transforms import LoadReIDImage
from dynamix.engine.command_line import (
    add_config_options,
    build_evaluator,
    merge_options,
)
from dynamix.registry import DATA_SAMPLERS, DATASETS

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
    'cameras read from',
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
    'cameras read from',
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
    parser.add_argument(
        '--workers',
        type=int,
        default=0,
        metavar='N',
        help='processes that decode; 0: this one',
    )
    add_config_options(parser)
    return parser.parse_args()


def cameras_read_from(dataset: ReIDDataset) -> str:
    """Names the part of the paths that gives cameras: ``c<n>_``, ``Cam<n>/``, ..."""
    if dataset.kind == 'single_camera':
        return 'each video'
    spellings = dataset.table.info.get('camera_spellings', ['the reader'])
    return ', '.join(spellings) or 'nothing: all images count as of one camera'


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
        cameras_read_from(dataset),
    ]


def target_row(dataset: ReIDDataset) -> list[str]:
    """One row of the table of targets; numbers of a split are means."""
    checks = dataset.split_checks

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
        cameras_read_from(dataset),
    ]


class Decoding(Dataset):
    """What is wrong with each image of a source; nothing: an empty message."""

    def __init__(self, source: ReIDDataset) -> None:
        self.source = source
        self.load = LoadReIDImage()

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> str:
        try:
            self.load(self.source.get_data_info(index))
        except (OSError, ValueError) as error:
            return str(error)
        return ''


def broken_images(dataset: ReIDDataset, number: int, workers: int = 0) -> list[str]:
    """Messages about the images that cannot be decoded.

    Args:
        dataset (ReIDDataset): To read from.
        number (int): How many to decode, evenly spread; -1: all.
        workers (int): Processes that decode; 0: this one. Defaults to 0.
    """
    size = len(dataset)
    number = size if number < 0 else min(number, size)
    loader = DataLoader(
        Decoding(dataset),
        batch_size=64,
        sampler=np.linspace(0, size - 1, number).astype(int),
        num_workers=workers,
        collate_fn=list,
    )
    return [message for messages in loader for message in messages if message]


def describe(error: Exception) -> str:
    """What an error says; that of a missing key says no more than the key."""
    return f'there is no key {error}' if type(error) is KeyError else str(error)


def build_whole(dataset: dict[str, Any]) -> Any:
    """Builds a data set of several sources as it is built to be used."""
    built = DATASETS.build(dict(dataset, pipeline=[]))
    built.full_init()
    return built


def train_together(loader: dict[str, Any]) -> None:
    """Builds the training data and their sampler.

    Raises:
        Exception: What training would raise.
    """
    for key in ('dataset', 'sampler'):
        if not loader.get(key):
            raise ValueError(f'train_dataloader.{key} is missing.')
    dataset = build_whole(loader['dataset'])
    DATA_SAMPLERS.build(loader['sampler'], default_args=dict(dataset=dataset, seed=0))


def evaluate_together(dataset: dict[str, Any], evaluator: Any) -> None:
    """Builds evaluation data and the metrics that score them.

    Raises:
        Exception: What training would raise, at the latest at its first evaluation.
    """
    targets = build_whole(dataset)
    build_evaluator(evaluator).dataset_meta = targets.metainfo


def messages_of(check: Callable[..., None], *arguments: Any) -> list[str]:
    """The message of what a check raised, if it raised anything."""
    try:
        check(*arguments)
    except WRONG as error:
        return [describe(error)]
    return []


def read_sources(
    sources: list[Any],
    head: tuple[str, ...],
    row: Callable[[ReIDDataset], list[str]],
    args: argparse.Namespace,
) -> tuple[list[str], list[str]]:
    """Prints a table of sources.

    Returns:
        tuple: Messages about sources that cannot be read, and about broken images.
    """
    rows: list[list[str]] = []
    unread: list[str] = []
    broken: list[str] = []
    for source in sources:
        try:
            dataset = DATASETS.build(source)
            dataset.full_init()
            rows.append(row(dataset))
            broken += broken_images(dataset, args.decode, args.workers)
        except WRONG as error:
            unread.append(describe(error))
    print_table(head, rows)
    return unread, broken


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
    cfg = Config.fromfile(os.path.expanduser(args.config))
    merge_options(cfg, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'dynamix'))
    train = cfg.get('train_dataloader') or {}
    mixed = train.get('dataset') or {}
    sources = [
        source
        for kind in ('multi_camera', 'single_camera')
        for source in mixed.get(kind) or ()
    ]
    evaluations: list[tuple[Any, Any]] = []
    targets: list[Any] = []
    for mode in ('val', 'test'):
        dataset = (cfg.get(f'{mode}_dataloader') or {}).get('dataset')
        evaluation = (dataset, cfg.get(f'{mode}_evaluator'))
        if dataset and evaluation not in evaluations:
            evaluations.append(evaluation)
            listed = dataset.get('targets') or ()
            targets += [target for target in listed if target not in targets]
    unread, broken = read_sources(sources, TRAINING, training_row, args)
    problems = broken + unread
    if train and not unread:
        problems += messages_of(train_together, train)
    unread, broken = read_sources(targets, TARGETS, target_row, args)
    problems += broken + unread
    if not unread:
        for evaluation in evaluations:
            problems += messages_of(evaluate_together, *evaluation)
    if not train and not evaluations:
        problems.append(
            f'{args.config} has no data to check: neither train_dataloader nor '
            'val_dataloader or test_dataloader.'
        )
    problems = [*dict.fromkeys(problems)]
    for problem in problems:
        print(f'error: {problem}')
    print(f'{len(problems)} errors.')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
