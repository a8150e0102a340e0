"""What the command lines of the tools have in common."""

from __future__ import annotations

import argparse
import difflib
import gc
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.dist import is_distributed, master_only
from mmengine.evaluator import Evaluator
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from .checkpoint_file import check_complete
from .launch import start_cpu_ranks

# What MMEngine looks for in a config: the Runner's arguments, and these.
RUNNER_KEYS = (
    *(set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'}),
    'activation_checkpointing',
    'compile',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'runner_type',
    'sync_bn',
)


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
    add_config_options(parser)
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``--cfg-options``, which :func:`merge_options` takes.

    Args:
        parser (argparse.ArgumentParser): Changed in place.
    """
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        help='override the config, e.g. model.head.memory.momentum=0.1; lists as '
        'key="[a,b]" or key=a,b',
    )


def positive(text: str) -> int:
    """A whole number from 1 on, as ``type`` of an argument.

    Raises:
        argparse.ArgumentTypeError: If the text is none.
    """
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is no whole number from 1 on')
    return int(text)


def merge_options(cfg: Config, options: dict[str, Any]) -> None:
    """Overrides a config by ``--cfg-options``.

    Args:
        cfg (Config): Changed in place.
        options (dict[str, Any]): Values by dotted keys.

    Raises:
        ValueError: If neither the config nor the Runner knows what a key begins with,
            so that it would change nothing.
    """
    known = sorted({*cfg, *RUNNER_KEYS})
    for key in options:
        first = key.split('.')[0]
        if first not in known:
            [nearest] = difflib.get_close_matches(first, known, n=1, cutoff=0)
            raise ValueError(
                f'--cfg-options {key}: neither {cfg.filename or "the config"} nor '
                f"MMEngine's Runner has '{first}'; the nearest they have is "
                f"'{nearest}'."
            )
    cfg.merge_from_dict(options)


def require_sections(cfg: Config, *names: str) -> None:
    """Raises ValueError if a config lacks a section, or has None in its place."""
    missing = [name for name in names if cfg.get(name) is None]
    if missing:
        raise ValueError(
            f'{cfg.filename or "the config"} has no {", ".join(missing)}, which this '
            'tool needs.'
        )


def build_evaluator(given: Any) -> Evaluator:
    """Builds what a config's ``test_evaluator`` or ``val_evaluator`` says.

    Args:
        given (dict | list | None): A metric, several, or an ``Evaluator`` of some.

    Returns:
        Evaluator: With their metrics.
    """
    if isinstance(given, dict):
        given = given.get('metrics', given)
    return Evaluator(given or [])


class ToolRunner(Runner):
    """MMEngine's Runner, but for how checkpoints are read and written.

    One to resume is read to the CPU. A memory of centroids may fill half of a GPU, or a
    GPU of several its share; read to the GPU, all of it would come on top. And Adam's
    counts of steps, which PyTorch leaves where they were read to, would be read from
    there in every step, one by one.

    One is written beside and then renamed: what is killed or finds the disk full
    leaves the checkpoint that had the name before, or none, but no half of one.
    """

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: str | Callable = 'cpu',
    ) -> None:
        """See MMEngine; ``map_location`` defaults to ``'cpu'``."""
        super().resume(filename, resume_optimizer, resume_param_scheduler, map_location)

    def load_checkpoint(self, filename: str, *args: Any, **kwargs: Any) -> dict:
        """See MMEngine.

        Raises:
            ValueError: If the file is no checkpoint or is cut off.
        """
        check_complete(filename)
        return super().load_checkpoint(filename, *args, **kwargs)

    @master_only
    def save_checkpoint(
        self, out_dir: str, filename: str, *args: Any, **kwargs: Any
    ) -> None:
        """See MMEngine.

        Raises:
            OSError: If it cannot be written; names the file.
        """
        if '://' in out_dir:  # no file system, so nothing to rename
            super().save_checkpoint(out_dir, filename, *args, **kwargs)
            return
        beside = f'{filename}.unfinished'
        unfinished, path = Path(out_dir, beside), Path(out_dir, filename)
        try:
            super().save_checkpoint(out_dir, beside, *args, **kwargs)
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise OSError(f'{path} cannot be written: {error}') from error


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
        task(RUNNERS.build(cfg) if 'runner_type' in cfg else ToolRunner.from_cfg(cfg))
    finally:
        gc.collect()
        if is_distributed():
            torch.distributed.destroy_process_group()
