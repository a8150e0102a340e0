"""One file of named arrays that can be mapped into memory.

NumPy's own archives cannot be mapped, and a folder of arrays cannot be replaced in
one step under the eyes of a reader.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

MAGIC = b'DYNAMIX-TABLE-1\n'
ALIGNMENT = 64


def write_columns(
    file: str | os.PathLike, arrays: Mapping[str, np.ndarray], header: dict[str, Any]
) -> None:
    """Writes arrays; a reader finds the old file or the new one, never a mixture.

    Args:
        file (str | os.PathLike): Where to; its folder is made when missing.
        arrays (Mapping[str, np.ndarray]): One-dimensional arrays.
        header (dict): JSON types to keep beside them.
    """
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    places: list[tuple[str, str, int, int]] = []
    end = 0
    for name, array in arrays.items():
        start = _aligned(end)
        places.append((name, array.dtype.str, len(array), start))
        end = start + array.nbytes
    text = json.dumps(dict(header, arrays=places)).encode()
    begin = _aligned(len(MAGIC) + 8 + len(text))
    handle, unfinished = tempfile.mkstemp(prefix=file.name, dir=file.parent)
    try:
        with os.fdopen(handle, 'wb') as stream:
            stream.write(MAGIC + len(text).to_bytes(8, 'little') + text)
            for (*_, start), array in zip(places, arrays.values()):
                stream.seek(begin + start)
                stream.write(np.ascontiguousarray(array).data)
            stream.truncate(begin + end)
        os.chmod(unfinished, 0o644)
        os.replace(unfinished, file)
    except BaseException:
        os.unlink(unfinished)
        raise


def read_columns(
    file: str | os.PathLike,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header and arrays of a file; the arrays are mapped, read-only.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it was not written by this version, or is cut off.
    """
    with open(file, 'rb') as stream:
        start = stream.read(len(MAGIC) + 8)
        if not start.startswith(MAGIC) or len(start) < len(MAGIC) + 8:
            raise ValueError(f'{file} is no image table of this version.')
        length = int.from_bytes(start[len(MAGIC) :], 'little')
        try:
            header = json.loads(stream.read(length))
        except ValueError as error:
            raise ValueError(f'the image table {file} is damaged: {error}.') from error
    begin = _aligned(len(MAGIC) + 8 + length)
    raw = np.memmap(file, np.uint8, 'r').view(np.ndarray)
    arrays = {}
    for name, dtype, count, place in header['arrays']:
        stop = begin + place + np.dtype(dtype).itemsize * count
        if stop > len(raw):
            raise ValueError(
                f'the image table {file} is cut off: it has {len(raw)} bytes, but '
                f'its column {name!r} ends at {stop}.'
            )
        arrays[name] = raw[begin + place : stop].view(dtype)
    return header, arrays


def _aligned(place: int) -> int:
    return -(-place // ALIGNMENT) * ALIGNMENT
