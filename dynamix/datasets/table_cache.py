"""Where image tables are kept between runs."""

from __future__ import annotations

import hashlib
import json
import logging
import os
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
    cannot see the first one's file (another machine, a cache folder that cannot be
    written) builds its own.

    Args:
        build (Callable): Reads the source and returns its table.
        fingerprint (dict): Whatever decides what is built, in JSON types: reader and
            its code, folder, options. Equal fingerprints share a file.
        cache_dir (str | os.PathLike, optional): Defaults to
            :func:`default_cache_dir`.

    Raises:
        Exception: Whatever ``build`` raised on the first rank, on all of them.
    """
    text = json.dumps(fingerprint, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:20]
    folder = default_cache_dir() if cache_dir is None else Path(cache_dir)
    file = folder.expanduser() / f'{name}.table'
    table: ImageTable | None = None
    failure: list[Exception | None] = [None]
    if dist.get_rank() == 0:
        try:
            table = _load_current(file) or _build(build, file)
        except Exception as error:
            failure[0] = error
    dist.broadcast_object_list(failure)  # also the barrier that the others wait at
    if failure[0] is not None:
        raise failure[0]
    if table is None:
        table = _load_current(file) or _build(build, file)
    return table


def _load_current(file: Path) -> ImageTable | None:
    try:
        table = ImageTable.load(file)
    except (OSError, ValueError):
        return None
    return table if table.is_current() else None


def _build(build: Callable[[], ImageTable], file: Path) -> ImageTable:
    table = build()
    try:
        table.save(file)
        return ImageTable.load(file)
    except OSError as error:
        print_log(
            f'The image table cannot be kept in {file.parent} ({error}): it stays in '
            'memory and is built again next time. Set `cache_dir` of the data set or '
            'the environment variable DYNAMIX_CACHE to a folder that can be written.',
            logger='current',
            level=logging.WARNING,
        )
        return table
