"""Variables of config files, changed after the file is read."""

from __future__ import annotations

import os.path as osp
from collections.abc import Container, Iterator
from typing import Any

from mmengine.config import Config

# Which can be changed, and under which keys a config holds them: (height, width).
VARIABLES = dict(
    data_root=('data_root',),
    image_size=('image_size', 'img_size', 'crop_size', 'scale'),
)


def set_variable(cfg: Config, name: str, value: Any) -> None:
    """Changes ``data_root`` or ``image_size`` wherever the config has it.

    Args:
        cfg (Config): Has the variable; changed in place.
        name (str): A key of ``VARIABLES``.
        value (Any): The new value: a folder, or ``(height, width)``.

    Raises:
        ValueError: If the value is of another kind or the config does not hold the
            old one anywhere.
    """
    old = cfg[name]
    is_size = isinstance(value, list | tuple) and [*map(type, value)] == [int, int]
    if not (is_size if name == 'image_size' else isinstance(value, str)):
        expected = 'height,width' if name == 'image_size' else 'a folder'
        raise ValueError(f'--cfg-options {name}: expected {expected}, found {value!r}.')
    changed = False
    for owner, key, found, _ in list(entries(cfg)):
        if owner is cfg or key not in VARIABLES[name]:
            continue
        if name == 'data_root':
            if not isinstance(found, str) or not found.startswith(old):
                continue
            owner[key] = osp.join(value, found[len(old) :].lstrip('/'))
        else:
            turn = -1 if key == 'scale' else 1  # of Resize: (width, height)
            if not isinstance(found, list | tuple) or [*found] != [*old][::turn]:
                continue
            owner[key] = tuple(value)[::turn]
        changed = True
    if not changed:
        raise ValueError(
            f'--cfg-options {name}={value} changes nothing: no {name} of '
            f'{cfg.filename or "the config"} is made from {old!r}.'
        )
    cfg[name] = value


def places_of(cfg: Config, value: Any, sections: Container[str]) -> list[str]:
    """Returns the dotted keys under which sections of a config hold a value."""
    return [
        place
        for _, _, found, place in entries(cfg)
        if place.split('.')[0] in sections and found == value
    ]


def entries(node: Any, place: str = '') -> Iterator[tuple[Any, Any, Any, str]]:
    """Yields (owner, key, value, dotted key) of all dictionaries and lists below."""
    pairs = enumerate(node) if isinstance(node, list | tuple) else node.items()
    for key, value in pairs:
        below = f'{place}.{key}' if place else str(key)
        yield node, key, value, below
        if isinstance(value, dict | list | tuple):
            yield from entries(value, below)
