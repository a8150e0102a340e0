"""What the command lines of the training and the test tool have in common."""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Callable

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


def run_among_ranks(cfg: Config, task: Callable[[Runner], object]) -> None:
    """Builds the Runner of a config among its ranks, lets it work, leaves the ranks.

    The process group must be gone with its threads before the interpreter ends, or a
    thread that still lets go of a tensor may abort it. So nobody may hold the Runner,
    and with it the group, when the ranks are left.

    Args:
        cfg (Config): With ``launcher``; may name a ``runner_type``.
        task (Callable[[Runner], object]): What it is to do.
    """
    start_cpu_ranks(cfg)
    try:
        task(RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg))
    finally:
        gc.collect()
        end_ranks()
