"""What known data sets hold as published, and a warning where what was read differs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache

import numpy as np
from mmengine import dist
from mmengine.logging import print_log

from .image_table import ImageTable
from .label_checks import JUNK, Label

Counts = Mapping[str, Mapping[str, int]]
"""Numbers of images, identities, ... of each part of a data set."""


def count_parts(
    table: ImageTable, parts: Mapping[str, tuple], excluded: tuple[Label, ...]
) -> Counts:
    """Counts images, identities and cameras of each part of a table.

    ``parts`` holds the first row of each and the one after its last. Junk and what is
    ``excluded`` are no identities.
    """
    found = {}
    for part, ends in parts.items():
        identity = table.identity[slice(*ends)]
        found[part] = dict(
            images=len(identity),
            identities=len({*np.unique(identity).tolist()} - {JUNK, *excluded}),
            cameras=len(np.unique(table.camera[slice(*ends)])),
        )
    return found


def warn_of_differences(name: str, root: str, found: Counts, published: Counts) -> None:
    """Logs one warning, on rank 0, if what was read is not what was published.

    Parts and numbers that are not known are not compared.
    """
    different = [
        f'{part}: {found[part][what]} {what} instead of {number}'
        for part, numbers in published.items()
        if part in found
        for what, number in numbers.items()
        if found[part][what] != number
    ]
    if different and dist.is_main_process():
        _warn_once(
            f'{name}: {root} does not hold what was published: {"; ".join(different)}. '
            'Set `name` if these are meant to be other data.'
        )


@cache
def _warn_once(message: str) -> None:
    # a run builds some data sets several times: as val and test target
    print_log(message, 'current', logging.WARNING)
