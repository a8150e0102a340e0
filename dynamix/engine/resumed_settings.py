"""Settings that differ between a checkpoint and the config it is resumed with."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from .config_variables import entries

# What decides how a run goes on; not init_cfg, as weights are the checkpoint's.
SECTIONS = re.compile(
    r'(model|optim_wrapper|param_scheduler|auto_scale_lr|train_cfg|custom_hooks'
    r'|train_dataloader\.(dataset|sampler))\.(?!.*\binit_cfg\b)'
)
# PyTorch and MMEngine restore these with the state of optimizer and schedulers,
RESTORED = re.compile(
    r'(optim_wrapper\.(optimizer|paramwise_cfg)|param_scheduler|auto_scale_lr)\.'
)
# whose state is of no use to another type.
TYPES = re.compile(r'(optim_wrapper\.optimizer|param_scheduler(\.\d+)?)\.type')
ABSENT = 'absent'


def settings_of(cfg: Config) -> dict[str, Any]:
    """Returns what decides how a run goes on, by dotted keys, as plain types."""
    return {
        place: value if isinstance(value, bool | int | float | None) else str(value)
        for _, _, value, place in entries(cfg.to_dict())
        if SECTIONS.match(place) and not isinstance(value, dict | list | tuple)
    }


def warn_of_resumed(source: str, before: Mapping[str, Any], cfg: Config) -> None:
    """Logs a warning for each setting that differs, and whose value holds.

    Args:
        source (str): The checkpoint.
        before (Mapping[str, Any]): :func:`settings_of` the config it was made with;
            empty if that is not known.
        cfg (Config): The config to go on with.

    Raises:
        ValueError: If the optimizer or a learning rate schedule is of another type.
    """
    now = settings_of(cfg) if before else {}
    lines = []
    for key in sorted({*before, *now}):
        theirs, ours = before.get(key, ABSENT), now.get(key, ABSENT)
        if theirs == ours:
            continue
        if TYPES.fullmatch(key):
            raise ValueError(
                f'{source} has the state of {key} {theirs}, but the config has {ours}: '
                f'resume with {theirs}, or take the weights alone by `load_from`.'
            )
        holds = 'checkpoint' if RESTORED.match(key) else 'config'
        lines.append(
            f'{key} is {theirs!r} in the checkpoint and {ours!r} in the config; that '
            f'of the {holds} holds'
        )
    if lines:
        print_log(
            f'Resumed from {source} with other settings (to train with all of the '
            f"config's, take the weights alone by load_from):\n" + '\n'.join(lines),
            logger='current',
            level=logging.WARNING,
        )
