"""What the command lines of the tools have in common."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from dynamix.config_checks import check_keys

from .config_variables import VARIABLES, places_of, set_variable

# What MMEngine reads in a config: the Runner's arguments, and these.
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
# Sections whose other keys MMEngine ignores.
SECTION_KEYS = dict(
    env_cfg=('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
    auto_scale_lr=('enable', 'base_batch_size'),
)
# What reading a config raises, and what is made of it.
CONFIG_ERRORS = (
    AttributeError,
    ImportError,
    KeyError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


def parse_arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Adds the arguments that both tools have and reads the command line.

    Args:
        parser (argparse.ArgumentParser): Has the tool's own.

    Returns:
        argparse.Namespace: The arguments; ``LOCAL_RANK`` is in the environment.
    """
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
        'key="[a,b]" or key=a,b; data_root and image_size change all places',
    )


def add_embedding_options(parser: argparse.ArgumentParser) -> None:
    """Adds ``--batch-size``, ``--num-workers`` and ``--device``.

    Args:
        parser (argparse.ArgumentParser): Of a tool that embeds images; changed in
            place.
    """
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument(
        '--num-workers', type=int, default=4, help='processes that read images'
    )
    parser.add_argument('--device', help='by default a GPU if there is one')


@contextmanager
def config_errors(
    name: str | None = None, kinds: tuple[type[Exception], ...] = CONFIG_ERRORS
) -> Iterator[None]:
    """Ends the tool with one line and status 2 where its input cannot be used.

    Args:
        name (str, optional): What cannot be used, a file for example.
        kinds (tuple[type[Exception], ...]): Errors that it shows.
    """
    try:
        yield
    except kinds as error:
        start = f'{Path(sys.argv[0]).name}: error: {f"{name}: " if name else ""}'
        print(f'{start}{type(error).__name__}: {error}', file=sys.stderr)
        raise SystemExit(2) from None


def read_config(path: str | Path, options: dict[str, Any]) -> Config:
    """Reads a config file and overrides it, see :func:`merge_options`."""
    cfg = Config.fromfile(path)
    merge_options(cfg, options)
    return cfg


def merge_options(cfg: Config, options: dict[str, Any]) -> None:
    """Overrides a config by ``--cfg-options``.

    ``data_root`` and ``image_size`` are changed wherever the config has them. Other
    variables of a config file have done their work when it is read: they are refused.

    Args:
        cfg (Config): Changed in place.
        options (dict[str, Any]): Values by dotted keys.

    Raises:
        ValueError: If an option would change nothing.
        TypeError: If there is no such section, or it has no such key.
    """
    options = dict(options)
    for name in [name for name in VARIABLES if name in options and name in cfg]:
        set_variable(cfg, name, options.pop(name))
    for key in options:
        first, *rest = key.split('.')
        if first in SECTION_KEYS and rest:
            check_keys(first, rest[:1], SECTION_KEYS[first])
        if first in cfg and first not in RUNNER_KEYS:
            places = places_of(cfg, cfg[first], RUNNER_KEYS)
            found = f'set {" and ".join(places)}' if places else 'edit the file'
            raise ValueError(
                f"--cfg-options {key} changes nothing: '{first}' is only used while "
                f'{cfg.filename or "the config"} is read. Instead, {found}.'
            )
        variables = [name for name in VARIABLES if name in cfg]
        check_keys('--cfg-options', [first], sorted([*RUNNER_KEYS, *variables]))
    cfg.merge_from_dict(options)
