from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import Tensor

from .layouts import LAYOUTS, NECKS, Layout

SCHEME = 'reid://'
NECK_SCHEME = 'reid-neck://'
# of several encoders in one file, the one to use
PREFERRED = ('teacher', 'encoder_q', 'base_encoder', 'momentum_encoder')


class Address(NamedTuple):
    """Parts of ``SCHEME://PATH#PREFIX`` or ``SCHEME://PATH?grid=HxW``.

    Args:
        path (str): Without the scheme.
        prefix (str, optional): What stands before the names of the weights.
        grid (tuple[int, int], optional): Rows and columns of patches that position
            embeddings belong to.
        converted (bool): Whether the scheme is ours.
    """

    path: str
    prefix: str | None
    grid: tuple[int, int] | None
    converted: bool


def parse_address(filename: str) -> Address:
    """Splits the address of a checkpoint, of our schemes or not."""
    path = filename.removeprefix(SCHEME).removeprefix(NECK_SCHEME)
    if path == filename:
        return Address(filename, None, None, converted=False)
    path, _, prefix = path.partition('#')
    found = re.search(r'[?&]grid=(\d+)x(\d+)$', path)
    grid = None
    if found:
        path = path[: found.start()]
        grid = (int(found[1]), int(found[2]))
    return Address(path, prefix or None, grid, converted=True)


def convert_weights(
    checkpoint: Mapping[str, Any],
    layouts: Sequence[Layout] = LAYOUTS,
    prefix: str | None = None,
) -> dict[str, Tensor]:
    """Finds a backbone or a neck in a checkpoint and renames its weights.

    Wrappers such as ``state_dict``, ``model``, ``module.`` and ``backbone.`` are
    looked through. Of MoCo's two encoders the query encoder is taken, of DINO's two
    the teacher, of DynaMix's two the momentum encoder. What is left out is counted in
    the log.

    Args:
        checkpoint (Mapping[str, Any]): As ``torch.load`` gives it.
        layouts (Sequence[Layout]): Kinds to look for. Defaults to all backbones.
        prefix (str, optional): What stands before the names of the weights, such as
            ``'state_dict.module.encoder_k.'``. Defaults to None: it is found.

    Returns:
        dict[str, Tensor]: For the backbone or neck that docs/pretrained.md names.

    Raises:
        ValueError: If there is none of these kinds, or several to choose from.
    """
    weights = dict(_tensors(checkpoint, ''))
    layout, prefix = _find(weights, layouts, prefix)
    inside = {
        name.removeprefix(prefix): weight
        for name, weight in weights.items()
        if name.startswith(prefix)
    }
    found = {name: w for name, w in inside.items() if re.match(layout.own, name)}
    result = {_rename(name, layout): weight for name, weight in found.items()}
    if layout.convert is not None:
        result = layout.convert(result)
    parent = re.sub(r'[^.]+\.$', '', prefix)
    left_out = Counter(
        name.removeprefix(prefix).removeprefix(parent).split('.')[0]
        for name in weights
        if not name.startswith(prefix) or name.removeprefix(prefix) not in found
    )
    listed = ', '.join(f'{name} ({count})' for name, count in sorted(left_out.items()))
    print_log(
        f'{layout.kind} of {len(found)} tensors found under {prefix!r}; left out: '
        f'{listed or "nothing"}.',
        logger='current',
    )
    return result


@CheckpointLoader.register_scheme(prefixes=[SCHEME, NECK_SCHEME])
def load_from_reid(filename: str, map_location: str | None = None) -> dict:
    """Reads a checkpoint and converts its backbone, or its neck.

    Args:
        filename (str): ``reid://`` (``reid-neck://``: the neck) and a path or address;
            then perhaps ``#`` and the prefix of one of several backbones, or
            ``?grid=HxW``, see :func:`weights_must_fit`.
        map_location (str, optional): As of ``torch.load``. Defaults to None.

    Returns:
        dict: ``state_dict``.

    Raises:
        ValueError: If it has none that can be used; names the file.
    """
    address = parse_address(filename)
    layouts = NECKS if filename.startswith(NECK_SCHEME) else LAYOUTS
    checkpoint = CheckpointLoader.load_checkpoint(address.path, map_location)
    try:
        return dict(state_dict=convert_weights(checkpoint, layouts, address.prefix))
    except ValueError as error:
        raise ValueError(f'{address.path}: {error}') from None


def _tensors(node: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, value in node.items() if isinstance(node, Mapping) else ():
        if isinstance(value, Tensor):
            yield f'{prefix}{name}', value
        else:
            yield from _tensors(value, f'{prefix}{name}.')


def _find(
    weights: Mapping[str, Tensor], layouts: Sequence[Layout], prefix: str | None
) -> tuple[Layout, str]:
    for layout in layouts:
        places = [
            name.removesuffix(layout.anchor)
            for name in weights
            if f'.{name}'.endswith(f'.{layout.anchor}')
        ]
        if prefix is not None:
            places = [place for place in places if place == prefix]
        for word in PREFERRED:
            chosen = [place for place in places if word in place.split('.')]
            if len(chosen) == 1:
                return layout, chosen[0]
        if len(places) > 1:
            raise ValueError(
                f'expected one {layout.kind}, but found {len(places)}, under '
                f'{", ".join(map(repr, places))}; choose by {SCHEME}PATH#PREFIX.'
            )
        if places:
            return layout, places[0]
    kinds = ', '.join(layout.kind for layout in layouts)
    raise ValueError(
        f'expected one of {kinds}{f" under {prefix!r}" if prefix else ""}, but found '
        f'{", ".join(list(weights)[:4]) or "no tensors"}.'
    )


def _rename(name: str, layout: Layout) -> str:
    for pattern, replacement in layout.names:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    return name
