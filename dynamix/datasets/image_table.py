from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .lmdb_images import PREFIX

FORMAT_VERSION = 2
"""Of saved tables, and of what readers put into them; others are built again."""

COLUMNS: dict[str, Any] = dict(
    identity=np.int32, camera=np.int16, video=np.int32, frame=np.int32
)


class ImageTable:
    """The index of a data set's images: a few arrays, no Python object per image.

    A saved table is a folder of ``.npy`` files that are mapped into memory, so loader
    workers and ranks of one machine share them. Pickling a saved table sends the
    folder's name, pickling an unsaved one sends its data. Ours.

    Use :meth:`from_columns`, :class:`ImageTableBuilder` or :meth:`load` to make one.

    Args:
        arrays (Mapping[str, np.ndarray]): The four columns of the attributes; for
            images with paths ``ends`` (``[n]`` unsigned integers: where each path
            ends in ``paths``) and ``paths`` (uint8: all paths, one after the
            other); for a table that was read from a folder ``watched`` (uint8: names
            of the folders and list files that were read, separated by zero bytes)
            and ``stamps`` (int64: when each of them was last changed); and what else
            a reader keeps of each row.
        root (str): What the paths are relative to: a folder, or an LMDB as
            ``lmdb://`` and its path. Defaults to ``''``.
        info (dict, optional): What the reader keeps about the whole table, in JSON
            types.

    Attributes:
        identity (np.ndarray): ``[n]`` int32.
        camera (np.ndarray): ``[n]`` int16.
        video (np.ndarray): ``[n]`` int32; -1: none.
        frame (np.ndarray): ``[n]`` int32; -1: unknown, or no clock of the video.
            Only equal numbers that are not -1 prove that two images of a video
            show two people.
        folder (Path | None): Where the table is saved.
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        root: str = '',
        info: dict[str, Any] | None = None,
    ) -> None:
        self.arrays = dict(arrays)
        self.identity = self.arrays['identity']
        self.camera = self.arrays['camera']
        self.video = self.arrays['video']
        self.frame = self.arrays['frame']
        self.root = root
        self.info: dict[str, Any] = {} if info is None else info
        self.folder: Path | None = None

    @classmethod
    def from_columns(
        cls,
        identity: Sequence[int] | np.ndarray,
        camera: Sequence[int] | np.ndarray | int = 0,
        video: Sequence[int] | np.ndarray | int = -1,
        frame: Sequence[int] | np.ndarray | int = -1,
        paths: Iterable[str] | None = None,
        root: str = '',
    ) -> ImageTable:
        """Makes a table in memory.

        Args:
            identity (Sequence[int]): ``[n]`` numbers.
            camera (Sequence[int] | int): ``[n]`` numbers, or one for all. Defaults
                to 0.
            video (Sequence[int] | int): Likewise. Defaults to -1.
            frame (Sequence[int] | int): Likewise. Defaults to -1.
            paths (Iterable[str], optional): ``n`` paths relative to ``root``.
            root (str): Defaults to ``''``.

        Raises:
            ValueError: If lengths differ or a number does not fit its column.
        """
        size = len(identity)
        given = dict(identity=identity, camera=camera, video=video, frame=frame)
        arrays = {
            name: _as_column(name, given[name], size, dtype)
            for name, dtype in COLUMNS.items()
        }
        if paths is not None:
            encoded = [os.fsencode(path) for path in paths]
            if len(encoded) != size:
                raise ValueError(
                    f'the table has {size} identities, but {len(encoded)} paths.'
                )
            lengths = np.fromiter(map(len, encoded), np.int64, count=size)
            arrays |= path_arrays(np.cumsum(lengths), b''.join(encoded))
        return cls(arrays, root)

    def __len__(self) -> int:
        return len(self.identity)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, paths included."""
        return sum(array.nbytes for array in self.arrays.values())

    @cached_property
    def token(self) -> str:
        """Digest of the rows, paths and info: equal for all who read equal data.

        When folders changed and where the root lies do not enter.
        """
        digest = hashlib.sha256(json.dumps(self.info, sort_keys=True).encode())
        for name in sorted({*self.arrays} - {'watched', 'stamps'}):
            array = np.ascontiguousarray(self.arrays[name])
            digest.update(f'{name} {array.dtype.str} {len(array)} '.encode())
            digest.update(array.data)
        return digest.hexdigest()[:32]

    def path(self, index: int) -> str:
        """Full path of an image, which ``mmengine.fileio.get`` reads.

        Raises:
            IndexError: If there is no such row; negative ones count from the end.
            ValueError: If the images of this table are no files.
        """
        return os.path.join(self.root, self.name(index))

    def name(self, index: int) -> str:
        """Path of an image relative to the root; see :meth:`path`."""
        if 'ends' not in self.arrays:
            raise ValueError('the images of this table are drawn: they have no path.')
        row = range(len(self))[index]
        ends = self.arrays['ends']
        start = int(ends[row - 1]) if row else 0
        return os.fsdecode(self.arrays['paths'][start : int(ends[row])].tobytes())

    def is_current(self) -> bool:
        """Whether no folder or list file that the table was read from has changed.

        Costs one ``stat`` for each. Always true for a table that was read from nothing.
        """
        if 'stamps' not in self.arrays:
            return True
        watched = os.fsdecode(self.arrays['watched'].tobytes()).split('\0')
        return all(
            stamp == time_of_change(os.path.join(self.root, path))
            for path, stamp in zip(watched, self.arrays['stamps'].tolist())
        )

    def save(self, folder: str | os.PathLike) -> None:
        """Writes ``index.json`` and a folder of ``.npy`` files beside it.

        A reader finds the old table or the new one: the arrays of each save have a
        folder of their own, which ``index.json`` names.
        """
        folder = Path(folder)
        before = _arrays_of(folder)
        arrays = folder / uuid.uuid4().hex
        index = dict(
            format=FORMAT_VERSION,
            root=self.root,
            info=self.info,
            token=self.token,
            columns=list(self.arrays),
            arrays=arrays.name,
        )
        arrays.mkdir(parents=True)
        try:
            for name, column in self.arrays.items():
                np.save(arrays / f'{name}.npy', column)
            (arrays / 'index.json').write_text(json.dumps(index))
            os.replace(arrays / 'index.json', folder / 'index.json')
        except BaseException:
            shutil.rmtree(arrays, ignore_errors=True)
            raise
        if before is not None:
            # processes that have mapped these files keep them
            shutil.rmtree(before, ignore_errors=True)

    @classmethod
    def load(cls, folder: str | os.PathLike) -> ImageTable:
        """Maps a saved table into memory, read-only.

        Raises:
            FileNotFoundError: If there is no such folder.
            ValueError: If it holds no (complete) table of this version.
        """
        folder = Path(folder).absolute()
        index = json.loads((folder / 'index.json').read_bytes())
        if index.get('format') != FORMAT_VERSION:
            raise ValueError(f'{folder} holds no image table of this version.')
        arrays = {
            name: np.load(folder / index['arrays'] / f'{name}.npy', 'r').view(
                np.ndarray
            )
            for name in index['columns']
        }
        table = cls(arrays, index['root'], index['info'])
        table.folder, table.token = folder, index['token']
        return table

    def __reduce__(self) -> tuple[Any, ...]:
        if self.folder is not None:
            return _reload, (self.folder, self.token)
        return ImageTable, (self.arrays, self.root, self.info)


def _arrays_of(folder: Path) -> Path | None:
    try:
        return folder / json.loads((folder / 'index.json').read_text())['arrays']
    except (OSError, ValueError, KeyError):
        return None


def path_arrays(ends: np.ndarray, paths: bytes | bytearray) -> dict[str, np.ndarray]:
    """The arrays ``ends``, in 4 bytes each unless that is too small, and ``paths``."""
    smallest = np.result_type(np.uint32, np.min_scalar_type(ends.max(initial=0)))
    return dict(ends=ends.astype(smallest), paths=np.frombuffer(bytes(paths), np.uint8))


def time_of_change(path: str) -> int:
    """Nanoseconds since the epoch at which a folder or file changed; -1: missing."""
    try:
        return os.stat(path.removeprefix(PREFIX)).st_mtime_ns
    except OSError:
        return -1


def _reload(folder: Path, token: str) -> ImageTable:
    table = ImageTable.load(folder)
    if table.token != token:
        raise RuntimeError(
            f'the image table {folder} was rebuilt while this run was using it, '
            'from other data: its source has changed. Start the run again.'
        )
    return table


def _as_column(name: str, values: Any, size: int, dtype: Any) -> np.ndarray:
    column = np.asarray(values)
    if column.size and column.dtype.kind not in 'iu':
        raise ValueError(f'column {name!r} must hold integers, but got {column.dtype}.')
    if column.ndim == 0:
        column = np.full(size, column)
    if column.shape != (size,):
        raise ValueError(
            f'the table has {size} identities, but column {name!r} has shape '
            f'{column.shape}.'
        )
    limits = np.iinfo(dtype)
    if column.size and not limits.min <= column.min() <= column.max() <= limits.max:
        raise ValueError(
            f'column {name!r} holds numbers from {limits.min} to {limits.max}, but '
            f'got {column.min()} to {column.max()}.'
        )
    return np.ascontiguousarray(column, dtype=dtype)
