"""Images inside LMDB files, behind MMEngine's file backends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from mmengine.fileio import BaseStorageBackend, register_backend

PREFIX = 'lmdb://'

# of the process that opened them: an environment must not be used after a fork
_opened: dict[str, Any] = {}
_opened_by = os.getpid()


def is_lmdb(path: str) -> bool:
    """Whether a path is a file, or a folder that holds ``data.mdb``."""
    return os.path.isfile(path) or os.path.isfile(os.path.join(path, 'data.mdb'))


def image_root(path: str) -> str:
    """``root`` of the images of a path: the folder, or ``lmdb://`` and the LMDB."""
    full = os.path.abspath(path)
    return PREFIX + full if is_lmdb(full) else full


def data_file(root: str) -> str:
    """Full path of the file that changes when the LMDB of a ``root`` changes."""
    path = root.removeprefix(PREFIX)
    return os.path.join(path, 'data.mdb') if os.path.isdir(path) else path


def open_lmdb(path: str) -> Any:
    """The environment of an LMDB, opened once in each process, for reading.

    Raises:
        ImportError: If lmdb is not installed.
        ValueError: If it is no LMDB, or is cut off.
    """
    global _opened_by
    if _opened_by != os.getpid():
        for inherited in _opened.values():
            inherited.close()
        _opened.clear()
        _opened_by = os.getpid()
    if path not in _opened:
        _opened[path] = _open(path, readahead=False)
    return _opened[path]


def close_lmdb(path: str) -> None:
    """Closes an LMDB that :func:`open_lmdb` may have opened."""
    if path in _opened:
        _opened.pop(path).close()


def _open(path: str, readahead: bool) -> Any:
    try:
        import lmdb
    except ImportError as error:
        raise ImportError(
            f'reading {path} needs lmdb: pip install -e ".[lmdb]"'
        ) from error
    try:
        environment = lmdb.open(
            path,
            subdir=os.path.isdir(path),
            readonly=True,
            lock=False,
            readahead=readahead,
        )
    except lmdb.Error as error:
        raise ValueError(f'{path} cannot be read as an LMDB: {error}') from error
    pages = environment.stat()
    used = pages['branch_pages'] + pages['leaf_pages'] + pages['overflow_pages']
    needed = used * pages['psize']
    size = os.path.getsize(data_file(path))
    if size < needed:  # a read beyond the end would kill the process
        environment.close()
        raise ValueError(
            f'{path} is cut off: it has {size} bytes, but its content takes {needed}.'
        )
    return environment


def list_keys(root: str, folder: str) -> Iterator[tuple[str, bool]]:
    """Lists a folder of an LMDB whose keys are paths, as ``os.scandir`` does.

    Keys are read one by one; those in folders below are skipped. ``folder`` ends with
    a slash or is empty.

    Yields:
        tuple[str, bool]: Name, and whether it is a folder; in the order of bytes.
    """
    path, prefix = root.removeprefix(PREFIX), os.fsencode(folder)
    close_lmdb(path)  # a process can have it open once
    # to step over keys touches the first page of each value: read on, not at random
    with _open(path, readahead=True) as environment, environment.begin() as reading:
        cursor = reading.cursor()
        more = cursor.set_range(prefix)
        while more and cursor.key().startswith(prefix):
            name, slash, _ = cursor.key()[len(prefix) :].partition(b'/')
            yield os.fsdecode(name), bool(slash)
            # '0' is what follows '/'
            more = cursor.set_range(prefix + name + b'0') if slash else cursor.next()


@register_backend('dynamix.lmdb', force=True, prefixes='lmdb')
class LmdbImages(BaseStorageBackend):
    """Reads ``lmdb://`` paths: that of an LMDB, a slash and the key.

    Unlike MMEngine's ``LmdbBackend`` it may be used before and after a fork, by any
    number of data sets of one file, takes any key that is a file name, and raises on a
    missing one. Ours.
    """

    def get(self, filepath: str) -> bytes:
        """The value of a key.

        Raises:
            FileNotFoundError: If there is no such LMDB or key.
            ValueError: If it is no LMDB, or is cut off.
        """
        path, key = _split(str(filepath).removeprefix(PREFIX))
        with open_lmdb(path).begin() as transaction:
            value = transaction.get(os.fsencode(key))
        if value is None:
            raise FileNotFoundError(f'{path} has no key {key!r}.')
        return value

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        """The value of a key as text."""
        return self.get(filepath).decode(encoding)


def _split(path: str) -> tuple[str, str]:
    """Path of the LMDB, and the key in it."""
    for opened in _opened:
        if path.startswith(opened + '/'):
            return opened, path[len(opened) + 1 :]
    above = os.path.dirname(path)
    while above != os.path.dirname(above):
        if is_lmdb(above):
            return above, path[len(above) + 1 :]
        above = os.path.dirname(above)
    raise FileNotFoundError(f'there is no LMDB that {path} could be in.')
