"""Where image tables are kept between runs."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine import dist
from mmengine.logging import print_log

from .image_table import ImageTable


def default_cache_dir() -> Path:
    """``$DYNAMIX_CACHE``, else ``dynamix`` in the user's cache folder."""
    named = os.environ.get('DYNAMIX_CACHE')
    if named:
        return Path(named)
    home = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return Path(home) / 'dynamix'


def cached_table(
    build: Callable[[], ImageTable],
    fingerprint: dict[str, Any],
    cache_dir: str | os.PathLike | None = None,
) -> ImageTable:
    """Loads a table, or builds and saves it where there is no current one.

    Of several ranks the first builds, the others wait and then load. A rank that
    cannot see the first one's table (another machine, a cache folder that cannot be
    written) builds its own, which must be the same.

    Args:
        build (Callable): Reads the source and returns its table.
        fingerprint (dict): What decides the content, in JSON types: reader, folder,
            options. Equal fingerprints share a table.
        cache_dir (str | os.PathLike, optional): Defaults to
            :func:`default_cache_dir`.

    Raises:
        Exception: Whatever ``build`` raised on the first rank, on all of them.
        ValueError: If this rank finds other data than the first one.
    """
    text = json.dumps(fingerprint, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:20]
    base = default_cache_dir() if cache_dir is None else Path(cache_dir)
    folder = base.expanduser() / name

    def build_and_keep() -> ImageTable:
        built = build()
        try:
            built.save(folder)
            return ImageTable.load(folder)
        except OSError as error:
            print_log(
                f'The image table cannot be kept in {folder.parent} ({error}): it '
                'stays in memory and is built again next time. Set `cache_dir` of the '
                'data set or the environment variable DYNAMIX_CACHE to a folder that '
                'can be written.',
                logger='current',
                level=logging.WARNING,
            )
            return built

    table: ImageTable | None = None
    outcome: list[Any] = [None, '', 0]
    if dist.get_rank() == 0:
        try:
            table = _load(folder) or build_and_keep()
            outcome = [None, table.token, len(table)]
        except Exception as error:
            outcome[0] = error
    dist.broadcast_object_list(outcome)  # also the barrier that the others wait at
    failure, token, size = outcome
    if failure is not None:
        raise failure
    if table is None:
        table = _load(folder, token) or build_and_keep()
    if table.token != token:
        raise ValueError(
            f'rank {dist.get_rank()} finds {len(table)} images in {table.root} on '
            f'{platform.node()}, and they are not the {size} that rank 0 finds: all '
            'ranks must see the same files under the same names.'
        )
    return table


def _load(folder: Path, token: str = '') -> ImageTable | None:
    """The table that was kept, if it is current or has this token."""
    try:
        table = ImageTable.load(folder)
    except (OSError, ValueError, EOFError):
        return None
    return table if table.token == token or table.is_current() else None
