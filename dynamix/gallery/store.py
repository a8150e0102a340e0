from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

FILE = 'gallery.sqlite'
FORMAT = 'dynamix gallery 1'
# A list of numbers or texts as one parameter of a query.
AMONG = 'IN (SELECT value FROM json_each(?))'
_BLOCK = 8192
_PAGE_BYTES = 32768  # several features fit in a page of SQLite's
_SECONDS_TO_WAIT = 30
_TABLES = (
    'CREATE TABLE about (key TEXT PRIMARY KEY, value)',
    # ids of removed entries are not given again
    'CREATE TABLE entry (id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL '
    'UNIQUE, camera TEXT, time REAL, person TEXT, feature BLOB NOT NULL)',
    'CREATE INDEX camera_and_time ON entry (camera, time)',
    # beside the entries, as training changes it for all of them
    'CREATE TABLE list (id INTEGER PRIMARY KEY, list INTEGER NOT NULL)',
)


class GalleryStore:
    """The SQLite file of a gallery, and the lock of the process that writes to it.

    All but :meth:`close` must be called within :meth:`transaction`. Whoever is in one
    sees the file as it was when it began. A damaged file raises a ValueError, one that
    cannot be read or written an OSError.

    Args:
        folder (Path): Of the gallery.
        write (bool): Whether to keep other writers out, as long as it is open.
        about (dict, optional): Makes the tables, and notes this about the gallery.
    """

    def __init__(
        self, folder: Path, write: bool, about: dict[str, Any] | None = None
    ) -> None:
        self.file = folder / FILE
        self._write = write
        self._threads = Lock()
        self._lock = FileLock(folder / 'writer.lock')  # ends with the process
        if write:
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise RuntimeError(
                    f'another process is writing to the gallery {folder}: wait until '
                    'it ends.'
                ) from None
        try:
            with self._named_errors():
                self._db = sqlite3.connect(
                    self.file,
                    timeout=_SECONDS_TO_WAIT,
                    isolation_level=None,
                    check_same_thread=False,
                )
                if about is not None:
                    self._create(about)
            with self.transaction():
                version = self.about().get('format')
            if version != FORMAT:
                raise ValueError(
                    f'{self.file} is no gallery of this version: its format is '
                    f'{version!r}, expected {FORMAT!r}.'
                )
        except BaseException:
            self._lock.release()
            raise

    def _create(self, about: dict[str, Any]) -> None:
        self._db.execute(f'PRAGMA page_size = {_PAGE_BYTES}')
        # readers go on while one writes
        self._db.execute('PRAGMA journal_mode = WAL')
        with self.transaction(write=True):
            if self.about():
                raise FileExistsError(
                    f'there is a gallery in {self.file.parent} already.'
                )
            for table in _TABLES:
                self._db.execute(table)
            self.set_about(format=FORMAT, **about)

    def close(self) -> None:
        """Closes the file; others may then write."""
        self._db.close()
        self._lock.release()

    @contextmanager
    def transaction(self, write: bool = False) -> Iterator[None]:
        """Makes what is done within it happen as a whole, or not at all."""
        if write and not self._write:
            raise RuntimeError(
                f'the gallery {self.file.parent} is not open for writing.'
            )
        with self._threads, self._named_errors(), self._db:
            self._db.execute('BEGIN IMMEDIATE' if write else 'BEGIN')
            yield

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.OperationalError as error:  # no space, no permission, ...
            raise OSError(f'{self.file}: {error}.') from error
        except sqlite3.DatabaseError as error:
            raise ValueError(f'{self.file} is damaged: {error}.') from error

    def rows(self, query: str, *values: Any) -> list[tuple]:
        """The rows that a query gives; lists are for :data:`AMONG`."""
        return self._db.execute(
            query, [_parameter(value) for value in values]
        ).fetchall()

    def column(self, query: str, *values: Any) -> list[Any]:
        """The first column of the rows that a query gives."""
        return [row[0] for row in self.rows(query, *values)]

    def count(self) -> int:
        """Number of entries."""
        return self.column('SELECT count(*) FROM entry')[0]

    def about(self) -> dict[str, Any]:
        """What is noted about the gallery as a whole; empty if this is no gallery."""
        if not self.rows("SELECT 1 FROM sqlite_master WHERE name = 'about'"):
            return {}
        return dict(self.rows('SELECT key, value FROM about'))

    def set_about(self, **values: str | int | bytes) -> None:
        """Notes something about the gallery as a whole."""
        self._db.executemany('REPLACE INTO about VALUES (?, ?)', values.items())

    def version(self) -> tuple[int, int]:
        """Changes whenever this or another connection has written."""
        return self.column('PRAGMA data_version')[0], self._db.total_changes

    def insert(
        self,
        rows: Iterable[tuple[str, str | None, float | None, str | None]],
        halves: np.ndarray,
    ) -> np.ndarray:
        """Adds entries (path, camera, time, person; ``[N, D]`` float16); their ids."""
        add = 'INSERT INTO entry VALUES (NULL, ?, ?, ?, ?, ?)'
        ids = []
        for row, half in zip(rows, halves):
            try:
                ids.append(self._db.execute(add, (*row, half.tobytes())).lastrowid)
            except sqlite3.IntegrityError:
                raise ValueError(
                    f'{row[0]!r} is in the gallery {self.file.parent} already.'
                ) from None
            except UnicodeEncodeError:
                raise ValueError(f'the path {row[0]!r} is no UTF-8 text.') from None
        return np.array(ids, np.int64)

    def set_lists(self, ids: np.ndarray, lists: np.ndarray) -> None:
        """Notes the inverted list of entries; both are ``[N]``."""
        self._db.executemany(
            'REPLACE INTO list VALUES (?, ?)', zip(ids.tolist(), lists.tolist())
        )

    def delete(self, ids: Iterable[int]) -> int:
        """Removes entries and returns how many were there."""
        rows = [(int(i),) for i in ids]
        self._db.executemany('DELETE FROM list WHERE id = ?', rows)
        return self._db.executemany('DELETE FROM entry WHERE id = ?', rows).rowcount

    def features(
        self, dim: int, condition: str = 'TRUE', *values: Any
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Reads features that meet a condition in SQL, in order of ids, in blocks.

        Yields:
            tuple[np.ndarray, np.ndarray, np.ndarray]: ``[n]`` int64 ids, ``[n]`` int64
            lists (-1: none), ``[n, dim]`` float16.
        """
        rows = self._db.execute(
            'SELECT id, ifnull(list, -1), feature FROM entry LEFT JOIN list USING (id) '
            f'WHERE {condition} ORDER BY id',
            [_parameter(value) for value in values],
        )
        while block := rows.fetchmany(_BLOCK):
            ids, lists, blobs = zip(*block)
            if any(len(blob) != 2 * dim for blob in blobs):
                raise ValueError(
                    f'{self.file} is damaged: not all features have {dim} numbers.'
                )
            halves = np.frombuffer(b''.join(blobs), np.float16)
            yield np.array(ids), np.array(lists), halves.reshape(-1, dim)

    def faults(self, dim: int) -> list[str]:
        """Reads everything and says what is wrong with it; nothing if all is well."""
        found = [line for line in self.column('PRAGMA integrity_check') if line != 'ok']
        has_lists = bool(self.about()['trained_on'])
        wrong = list[int]()
        for ids, lists, halves in self.features(dim):
            length = np.linalg.norm(halves.astype(np.float32), axis=1)
            is_well = (abs(length - 1) < 0.01) & ((lists >= 0) == has_lists)
            wrong += ids[~is_well].tolist()
        if wrong:
            found.append(
                f'{len(wrong)} entries lack a feature of length 1 or an inverted list; '
                f'ids: {", ".join(map(str, wrong[:5]))}'
            )
        return found


def _parameter(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value
