from __future__ import annotations

import os
import time
from array import array
from collections import Counter
from collections.abc import Container
from typing import Any

import numpy as np

from .image_table import COLUMNS, ImageTable, path_arrays, time_of_change

SETTLED_AFTER_NS = 2_000_000_000
UNSETTLED = -2
# Lists of images, which are expected in a folder of images.
LIST_SUFFIXES = ('.csv', '.json', '.mat', '.txt')


class ImageTableBuilder:
    """Collects images one by one without keeping an object for each.

    A reader calls :meth:`watch` on whatever it is about to read (a folder or a list
    file), :meth:`add` for each image and :meth:`build` at the end. Ours.

    Args:
        root (str): Folder that paths are relative to.

    Attributes:
        other_suffixes (Counter[str]): Number of files by suffix that were found but
            are no images.
        notes (list[str]): What the user should know about the data. They are kept
            with the table and logged in each run.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._columns = {name: array('i') for name in COLUMNS}
        self._ends = array('Q')
        self._paths = bytearray()
        self._watched: list[bytes] = []
        self._stamps = array('q')
        self.other_suffixes: Counter[str] = Counter()
        self.notes: list[str] = []

    def __len__(self) -> int:
        return len(self._ends)

    def watch(self, path: str) -> None:
        """Notes that the table depends on a folder's entries or a file; call it first.

        What changed less than two seconds ago may change again within the same tick
        of the file system's clock: a table that has read such a thing is right now,
        but is built again next time.
        """
        stamp = time_of_change(os.path.join(self.root, path))
        settled = stamp < time.time_ns() - SETTLED_AFTER_NS
        self._watched.append(os.fsencode(path))
        self._stamps.append(stamp if settled else UNSETTLED)

    def add(
        self,
        path: str,
        identity: int,
        camera: int = 0,
        video: int = -1,
        frame: int = -1,
    ) -> None:
        """Adds an image at the end; see :class:`ImageTable` for the columns."""
        columns = self._columns
        columns['identity'].append(identity)
        columns['camera'].append(camera)
        columns['video'].append(video)
        columns['frame'].append(frame)
        self._paths += os.fsencode(path)
        self._ends.append(len(self._paths))

    def other_files(self, ignored: Container[str] = ()) -> str:
        """Names the suffixes of files that are no images, for messages; or ''."""
        named = ', '.join(
            f'{count} {suffix or "without suffix"}'
            for suffix, count in self.other_suffixes.most_common()
            if suffix not in ignored
        )
        return named and f' (no images by their suffix: {named})'

    def column(self, name: str) -> np.ndarray:
        """A copy of what was collected: ``[n]`` int32."""
        return np.array(self._columns[name], dtype=np.int32)

    def build(
        self,
        info: dict[str, Any] | None = None,
        order: np.ndarray | None = None,
        **columns: np.ndarray,
    ) -> ImageTable:
        """Makes the table.

        Args:
            info (dict, optional): See :class:`ImageTable`.
            order (np.ndarray, optional): ``[m]`` collected rows that make up the
                table, in its order. Defaults to all.
            **columns (np.ndarray): Columns to take in place of the collected ones;
                they are in the table's order already.
        """
        given = {name: self.column(name) for name in COLUMNS if name not in columns}
        ends = np.array(self._ends, dtype=np.uint64)
        paths = self._paths
        if order is not None and not np.array_equal(order, np.arange(len(self))):
            given = {name: column[order] for name, column in given.items()}
            ends, paths = self._reordered(ends, order)
        complete: dict[str, Any] = {**given, **columns}
        arrays = ImageTable.from_columns(**complete).arrays | path_arrays(ends, paths)
        if self._watched:
            arrays['watched'] = np.frombuffer(b'\0'.join(self._watched), np.uint8)
            arrays['stamps'] = np.array(self._stamps, dtype=np.int64)
        notes = [*self.notes]
        if others := self.other_files(ignored=LIST_SUFFIXES):
            notes.append(f'some files are left out{others}.')
        return ImageTable(arrays, self.root, dict(info or {}, notes=notes))

    def _reordered(
        self, ends: np.ndarray, order: np.ndarray
    ) -> tuple[np.ndarray, bytearray]:
        starts = np.append(np.uint64(0), ends[:-1])
        paths = bytearray()
        for begin, end in zip(starts[order].tolist(), ends[order].tolist()):
            paths += self._paths[begin:end]
        return np.cumsum((ends - starts)[order]), paths
