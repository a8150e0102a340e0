from __future__ import annotations

import re
from typing import NamedTuple

SCHEME = 'reid://'
NECK_SCHEME = 'reid-neck://'


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
    """Splits the address of a checkpoint.

    Args:
        filename (str): Path or address, of our schemes or not.

    Returns:
        Address: Its parts.
    """
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
