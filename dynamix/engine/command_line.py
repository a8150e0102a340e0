"""What the command lines of the training and the test tool have in common."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.config import Config, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from .launch import end_ranks, start_cpu_ranks


def parse_arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Adds the arguments of both tools and reads the command line.

    Args:
        parser (argparse.ArgumentParser): Has what is the tool's own.

    Returns:
        argparse.Namespace: The arguments; ``LOCAL_RANK`` is in the environment.
    """
    parser.add_argument(
        '--no-pin-memory', action='store_true', help='no pinned memory in loaders'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override the config, e.g. model.head.memory.momentum=0.1; lists as '
        'key="[a,b]" or key=a,b',
    )
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


@contextmanager
def runner_of(cfg: Config) -> Iterator[Runner]:
    """The Runner of a config, among its ranks, which it leaves at the end.

    Args:
        cfg (Config): With ``launcher``; may name a ``runner_type``.
    """
    start_cpu_ranks(cfg)
    try:
        yield RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
    finally:
        end_ranks()
