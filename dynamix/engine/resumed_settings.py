"""Settings that differ between a checkpoint and the config it is resumed with."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

# What decides how a run goes on; not init_cfg, as weights are the checkpoint's.
SECTIONS = re.compile(
    r'(model|optim_wrapper|param_scheduler|auto_scale_lr|train_cfg|custom_hooks'
    r'|train_dataloader\.(dataset|sampler))\.(?!.*\binit_cfg\b)'
)
# PyTorch and MMEngine restore these with the state of optimizer and schedulers.
RESTORED = re.compile(
    r'(optim_wrapper\.(optimizer|paramwise_cfg)|param_scheduler|auto_scale_lr)\.'
)
ABSENT = 'absent'


def settings_of(cfg: Config) -> dict[str, Any]:
    """Returns what decides how a run goes on, by dotted keys, as plain types."""
    found: dict[str, Any] = {}

    def add(key: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, below in value.items():
                add(f'{key}.{name}', below)
        elif isinstance(value, list | tuple) and any(
            isinstance(x, dict) for x in value
        ):
            for number, below in enumerate(value):
                add(f'{key}.{number}', below)
        elif SECTIONS.match(f'{key}.'):
            value = list(value) if isinstance(value, tuple) else value
            plain = value is None or isinstance(value, bool | int | float | list)
            found[key] = value if plain else str(value)

    for name, section in cfg.to_dict().items():
        if name == 'param_scheduler' and isinstance(section, dict):
            section = [section]
        add(name, section)
    return found


def warn_of_resumed(source: str, before: Mapping[str, Any], cfg: Config) -> None:
    """Logs a warning for each setting that differs, and whose value holds.

    Args:
        source (str): The checkpoint.
        before (Mapping[str, Any]): :func:`settings_of` the config it was made with.
        cfg (Config): The config to go on with.

    Raises:
        ValueError: If a learning rate schedule is of another type.
    """
    now = settings_of(cfg)
    lines = []
    for key in sorted({*before, *now}):
        theirs, ours = before.get(key, ABSENT), now.get(key, ABSENT)
        if theirs == ours:
            continue
        if re.fullmatch(r'param_scheduler\.\d+\.type', key):
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
