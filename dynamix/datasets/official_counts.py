"""What known data sets hold as published, and a warning where what was read differs."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from functools import cache

import numpy as np
from mmengine import dist
from mmengine.logging import print_log

from .image_table import ImageTable
from .label_checks import JUNK, Label

Counts = Mapping[str, Mapping[str, int]]
"""Numbers of images, identities, ... of each part of a data set."""


def count_parts(
    table: ImageTable, split: str, excluded: Collection[Label] = ()
) -> Counts:
    """Numbers of images, identities and cameras of each part.

    Args:
        table (ImageTable): Of a :class:`LabelledFolder`, which notes its parts.
        split (str): Of the data set; the parts of ``'all'`` are counted together.
        excluded (Collection[Label]): Identities that are no people. Junk is none
            anyway. Defaults to ``()``.
    """
    parts = table.info['parts']
    if split == 'all' and len(parts) > 1:
        parts = dict(all=(0, None))
    found = {}
    for part, ends in parts.items():
        rows = slice(*ends)
        people = {*np.unique(table.identity[rows]).tolist()} - {JUNK, *excluded}
        found[part] = dict(
            images=len(table.identity[rows]),
            identities=len(people),
            cameras=len(np.unique(table.camera[rows])),
        )
    return found


def differences(found: Counts, published: Counts) -> list[str]:
    """What differs, as ``'train: 671 images instead of 12936'``.

    Args:
        found (Counts): What was read.
        published (Counts): What is known; other parts and numbers are not compared.
    """
    return [
        f'{part}: {found[part][what]} {what} instead of {number}'
        for part, numbers in published.items()
        if part in found
        for what, number in numbers.items()
        if found[part].get(what, number) != number
    ]


def warn_of_differences(name: str, root: str, found: Counts, published: Counts) -> None:
    """Logs one warning, on rank 0, if a data set is not as published.

    Args:
        name (str): Of the data set.
        root (str): Its folder.
        found (Counts): See :func:`differences`.
        published (Counts): See :func:`differences`.
    """
    different = differences(found, published)
    if different and dist.is_main_process():
        _warn_once(
            f'{name}: {root} does not hold what was published: {"; ".join(different)}. '
            'Set `name` if these are meant to be other data.'
        )


@cache
def _warn_once(message: str) -> None:
    # a run builds some data sets several times: as val and test target
    print_log(message, 'current', logging.WARNING)
