from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .entry import Entry

FILE = 'gallery.sqlite'
FORMAT = 'dynamix gallery 1'
BLOCK = 8192
_PAGE_BYTES = 32768  # several features fit in a page of SQLite's
_SECONDS_TO_WAIT = 30
_TABLES = (
    'CREATE TABLE about (key TEXT PRIMARY KEY, value)',
    # ids of removed entries are not given again
    'CREATE TABLE entry (id INTEGER PRIMARY KEY AUTOINCREMENT, '
    'path TEXT NOT NULL UNIQUE, camera TEXT, time REAL, person TEXT, list INTEGER)',
    'CREATE INDEX camera_and_time ON entry (camera, time)',
    'CREATE TABLE feature (id INTEGER PRIMARY KEY, half BLOB NOT NULL, '
    'checksum INTEGER NOT NULL)',
)


class GalleryStore:
    """The entries and features of a gallery, in one SQLite file.

    Methods that read or write must be called within :meth:`transaction`. Whoever is in
    one sees the file as it was when it began.

    Args:
        folder (Path): Of the gallery.

    Raises:
        OSError: If the file cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE
        with self._named_errors():
            self._db = sqlite3.connect(
                self.file,
                timeout=_SECONDS_TO_WAIT,
                isolation_level=None,
                check_same_thread=False,
            )

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    @contextmanager
    def transaction(self, write: bool = False) -> Iterator[None]:
        """Makes what is done within it happen as a whole, or not at all.

        Args:
            write (bool): Whether it writes. Defaults to False.

        Raises:
            ValueError: If the file is damaged or is none of SQLite.
            OSError: If it cannot be read or written.
        """
        with self._named_errors():
            self._db.execute('BEGIN IMMEDIATE' if write else 'BEGIN')
            try:
                yield
                self._db.execute('COMMIT')
            finally:
                if self._db.in_transaction:
                    self._db.execute('ROLLBACK')

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

    def create(self, **about: str | int) -> bool:
        """Makes the tables; returns False, and does nothing, if they are there.

        Args:
            **about (str | int): What is noted about the gallery as a whole.
        """
        with self._named_errors():
            self._db.execute(f'PRAGMA page_size = {_PAGE_BYTES}')
            # readers go on while one writes
            self._db.execute('PRAGMA journal_mode = WAL')
        with self.transaction(write=True):
            if self._has_tables():
                return False
            for table in _TABLES:
                self._db.execute(table)
            self.set_about(format=FORMAT, **about)
        return True

    def _has_tables(self) -> bool:
        return self._number("SELECT count(*) FROM sqlite_master WHERE name='about'") > 0

    def _number(self, query: str) -> int:
        return self._db.execute(query).fetchone()[0] or 0

    def about(self) -> dict[str, Any]:
        """What is noted about the gallery as a whole; empty if this is no gallery."""
        if not self._has_tables():
            return {}
        return dict(self._db.execute('SELECT key, value FROM about'))

    def set_about(self, **values: str | int | bytes) -> None:
        """Notes something about the gallery as a whole."""
        self._db.executemany('REPLACE INTO about VALUES (?, ?)', values.items())

    def version(self) -> tuple[int, int]:
        """Changes whenever this or another connection has written."""
        return self._number('PRAGMA data_version'), self._db.total_changes

    def count(self) -> int:
        """Number of entries."""
        return self._number('SELECT count(*) FROM entry')

    def last_id(self) -> int:
        """Largest id of an entry."""
        return self._number('SELECT max(id) FROM entry')

    def insert(
        self,
        rows: Iterable[tuple[str, str | None, float | None, str | None, int | None]],
        halves: np.ndarray,
    ) -> np.ndarray:
        """Adds entries.

        Args:
            rows (Iterable[tuple]): Path, camera, time, person and list of each.
            halves (np.ndarray): ``[N, D]`` float16, their features.

        Returns:
            np.ndarray: ``[N]`` int64, their ids.

        Raises:
            ValueError: If a path is there already, or no text.
        """
        add = 'INSERT INTO entry (path, camera, time, person, list) VALUES (?,?,?,?,?)'
        ids = []
        for row, half in zip(rows, halves):
            try:
                ids.append(self._db.execute(add, row).lastrowid)
            except sqlite3.IntegrityError:
                raise ValueError(
                    f'{row[0]!r} is in the gallery {self.file.parent} already.'
                ) from None
            except UnicodeEncodeError:
                raise ValueError(f'the path {row[0]!r} is no UTF-8 text.') from None
            blob = half.tobytes()
            self._db.execute(
                'INSERT INTO feature VALUES (?, ?, ?)',
                (ids[-1], blob, zlib.crc32(blob)),
            )
        return np.array(ids, np.int64)

    def delete(self, ids: Iterable[int]) -> int:
        """Removes entries and returns how many were there."""
        there = self.count()
        rows = [(int(i),) for i in ids]
        for table in ('entry', 'feature'):
            self._db.executemany(f'DELETE FROM {table} WHERE id = ?', rows)
        return there - self.count()

    def ids(
        self,
        camera: Sequence[str] | None = None,
        time: tuple[float | None, float | None] | None = None,
        person: str | None = None,
        below: Sequence[str] | None = None,
    ) -> np.ndarray:
        """Ids of the entries that meet all conditions, ``[N]`` int64, ascending.

        Args:
            camera (Sequence[str], optional): Any of these cameras.
            time (tuple, optional): First and last time, each may be None.
            person (str, optional): This person.
            below (Sequence[str], optional): Any of these paths or folders.
        """
        terms, values = ['1'], list[str | float]()
        if camera is not None:
            terms.append('camera IN (SELECT value FROM json_each(?))')
            values.append(json.dumps([str(name) for name in camera]))
        for sign, limit in zip(('>=', '<='), time or ()):
            if limit is not None:
                terms.append(f'time {sign} ?')
                values.append(limit)
        if person is not None:
            terms.append('person = ?')
            values.append(person)
        if below is not None:
            # '0' is the character after '/'
            term = "path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')"
            found = [
                self._db.execute(f'SELECT id FROM entry WHERE {term}', (path,))
                for path in below
            ]
            terms.append('id IN (SELECT value FROM json_each(?))')
            values.append(json.dumps([i for rows in found for (i,) in rows]))
        rows = self._db.execute(
            f'SELECT id FROM entry WHERE {" AND ".join(terms)}', values
        )
        return np.sort(np.fromiter((i for (i,) in rows), np.int64))

    def entries(self, ids: Iterable[int]) -> dict[int, Entry]:
        """The entries of these ids, by id."""
        rows = self._db.execute(
            'SELECT id, path, camera, time, person FROM entry '
            'WHERE id IN (SELECT value FROM json_each(?))',
            [json.dumps([int(i) for i in ids])],
        )
        return {row[0]: Entry(*row) for row in rows}

    def known(self, paths: Iterable[str]) -> set[str]:
        """Those of the paths that are there."""
        rows = self._db.execute(
            'SELECT path FROM entry WHERE path IN (SELECT value FROM json_each(?))',
            [json.dumps([*paths])],
        )
        return {path for (path,) in rows}

    def cameras(self) -> list[str]:
        """All cameras, in alphabetical order."""
        rows = self._db.execute(
            'SELECT DISTINCT camera FROM entry WHERE camera IS NOT NULL ORDER BY camera'
        )
        return [camera for (camera,) in rows]

    def features(
        self, dim: int, after: int = 0, among: Iterable[int] | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Reads features in order of their ids, in blocks.

        Args:
            dim (int): Numbers of a feature.
            after (int): Only ids above it. Defaults to 0.
            among (Iterable[int], optional): Only these ids.

        Yields:
            tuple[np.ndarray, np.ndarray, np.ndarray]: ``[n]`` int64 ids, ``[n]`` int64
            lists (-1: none), ``[n, dim]`` float16.

        Raises:
            ValueError: If a feature has another length.
        """
        chosen = '' if among is None else 'AND id IN (SELECT value FROM json_each(?))'
        values = [] if among is None else [json.dumps([int(i) for i in among])]
        rows = self._db.execute(
            'SELECT id, ifnull(list, -1), half FROM entry JOIN feature USING (id) '
            f'WHERE id > ? {chosen} ORDER BY id',
            [after, *values],
        )
        while block := rows.fetchmany(BLOCK):
            ids, lists, blobs = zip(*block)
            halves = np.frombuffer(b''.join(blobs), np.float16)
            if any(len(blob) != 2 * dim for blob in blobs):
                raise ValueError(
                    f'{self.file} is damaged: not all features have {dim} numbers.'
                )
            yield np.array(ids), np.array(lists), halves.reshape(-1, dim)

    def set_lists(self, ids: np.ndarray, lists: np.ndarray) -> None:
        """Notes the inverted list of entries; both are ``[N]``."""
        self._db.executemany(
            'UPDATE entry SET list = ? WHERE id = ?', zip(lists.tolist(), ids.tolist())
        )

    def faults(self, dim: int) -> list[str]:
        """Reads everything and says what is wrong with it; nothing if all is well."""
        found = [
            line
            for (line,) in self._db.execute('PRAGMA integrity_check')
            if line != 'ok'
        ]
        for one, other in (('entry', 'feature'), ('feature', 'entry')):
            rows = f'FROM {one} WHERE id NOT IN (SELECT id FROM {other})'
            if lone := self._number(f'SELECT count(*) {rows}'):
                found.append(f'{lone} rows of {one} have none of {other}')
        features = self._db.execute('SELECT id, half, checksum FROM feature')
        wrong = [
            i
            for i, half, checksum in features
            if len(half) != 2 * dim or zlib.crc32(half) != checksum
        ]
        if wrong:
            first = ', '.join(map(str, wrong[:5]))
            found.append(
                f'{len(wrong)} features are not as they were written; ids: {first}'
            )
        return found
