"""Reads all data that a config names and prints what it holds.

    python tools/analysis_tools/check_data.py CONFIG [--decode 1000 [--workers 8]]

Prints a table of the training sources and one of the targets. Ends with status 1 if a
source cannot be read, if sources cannot be used as the config has them (in the batches
that its sampler makes, by the metric that scores them), or if an image that was decoded
is broken.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.utils import track_iter_progress
from torch.utils.data import DataLoader, Dataset

from dynamix.datasets import ReIDDataset
from dynamix.datasets.label_checks import images_per_identity
from dynamix.datasets.transforms import LoadReIDImage
from dynamix.engine.command_line import add_config_options, read_config
from dynamix.registry import DATA_SAMPLERS, DATASETS

# What a wrong entry of a config raises, unknown types and arguments too, or a missing
# package that it needs.
WRONG = (OSError, ValueError, TypeError, KeyError, ImportError)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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


def training_row(dataset: ReIDDataset) -> dict[str, str]:
    """One row of the training table, by column."""
    table = dataset.table
    counts = images_per_identity(table.identity)
    videos = np.unique(table.video[table.video >= 0])
    spread = (
        f'{counts.min()}, {np.median(counts):g}, {counts.max()}' if len(counts) else '-'
    )
    single = dataset.kind == 'single_camera'
    return {
        'source': dataset.name,
        'kind': dataset.kind,
        'images': f'{len(table)}',
        'identities': f'{len(counts)}',
        'cameras': f'{len(videos if single else np.unique(table.camera))}',
        'videos': f'{len(videos)}' if single else '-',
        'images/identity (min, median, max)': spread,
        'with one image': f'{(counts == 1).sum()}',
        'cameras read from': cameras_read_from(dataset),
    }


def target_row(dataset: ReIDDataset) -> dict[str, str]:
    """One row of the table of targets, by column; numbers of a split are means."""
    checks = dataset.split_checks

    def mean(of: str) -> str:
        # a training set has no splits; that it is no target is said below the table
        return f'{np.mean([getattr(c, of) for c in checks]):g}' if checks else '-'

    return {
        'target': dataset.name,
        'images': f'{len(dataset.table)}',
        'identities': f'{len(np.unique(dataset.table.identity))}',
        'cameras': f'{len(np.unique(dataset.table.camera))}',
        'splits': f'{len(checks)}',
        'queries': mean('queries'),
        'gallery': mean('gallery'),
        'queries without match': mean('without_match'),
        'cameras read from': cameras_read_from(dataset),
    }


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


def broken_images(dataset: ReIDDataset, number: int, workers: int) -> list[str]:
    """Messages about those of ``number`` images (-1: all) that cannot be decoded."""
    size = len(dataset)
    number = size if number < 0 else min(number, size)
    loader = DataLoader(
        Decoding(dataset),
        batch_size=64,
        sampler=np.linspace(0, size - 1, number).astype(int),
        num_workers=workers,
        collate_fn=list,
    )
    batches = track_iter_progress((loader, len(loader)), file=sys.stderr)
    return [message for messages in batches for message in messages if message]


def build(dataset: dict[str, Any]) -> Any:
    """Builds a data set and reads its index."""
    built = DATASETS.build(dict(dataset, pipeline=[]))
    built.full_init()
    return built


def train_together(loader: dict[str, Any]) -> None:
    """Builds training data and sampler, which raise what training would raise."""
    dataset = build(loader['dataset'])
    DATA_SAMPLERS.build(loader['sampler'], default_args=dict(dataset=dataset, seed=0))


def evaluate_together(dataset: dict[str, Any], evaluator: Any) -> None:
    """Builds targets and metrics, which raise what the evaluation would raise."""
    Evaluator(evaluator or []).dataset_meta = build(dataset).metainfo


def print_table(rows: list[dict[str, str]]) -> None:
    """Prints columns as wide as their widest entry; nothing without rows."""
    if not rows:
        return
    lines = [[*rows[0]], *([*row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print('  '.join(map(str.ljust, line, widths)).rstrip())
    print()


def main() -> int:
    args = parse_args()
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'dynamix'))
    problems: list[str] = []

    def attempt(check: Callable, *arguments: Any) -> Any:
        try:
            return check(*arguments)
        except WRONG as error:
            # that of a missing key says no more than the key
            text = 'there is no key ' if type(error) is KeyError else ''
            problems.append(f'{text}{error}')

    def read(source: Any, row: Callable) -> dict[str, str]:
        dataset = build(source)
        if args.decode:
            problems.extend(broken_images(dataset, args.decode, args.workers))
        return row(dataset)

    def read_all(sources: list[Any], row: Callable) -> bool:
        rows = [attempt(read, source, row) for source in sources]
        print_table([row for row in rows if row])
        return all(rows)

    train = cfg.get('train_dataloader') or {}
    mixed = train.get('dataset') or {}
    sources = [
        source
        for kind in ('multi_camera', 'single_camera')
        for source in mixed.get(kind) or ()
    ]
    if read_all(sources, training_row) and train:
        attempt(train_together, train)
    evaluations: list[tuple[Any, Any]] = []
    targets: list[Any] = []
    for mode in ('val', 'test'):
        dataset = (cfg.get(f'{mode}_dataloader') or {}).get('dataset')
        if dataset:
            evaluations.append((dataset, cfg.get(f'{mode}_evaluator')))
            listed = dataset.get('targets') or ()
            targets += [target for target in listed if target not in targets]
    if read_all(targets, target_row):
        for evaluation in evaluations:
            attempt(evaluate_together, *evaluation)
    if not train and not evaluations:
        problems.append(f'{args.config} has no data to check.')
    problems = [*dict.fromkeys(problems)]
    for problem in problems:
        print(f'error: {problem}')
    print(f'{len(problems)} errors.')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
