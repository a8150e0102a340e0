from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .store import AMONG, FILE, GalleryStore
from .vector_index import VectorIndex, unit_rows, update_lists

# Up to here exact search reads half a gigabyte at most: about 20 ms of one core.
IVF_FROM = 1_000_000

Times = tuple[float | None, float | None]


class Entry(NamedTuple):
    """One entry of a gallery.

    ``path``: of a crop, of the folder of a tracklet, or another name; it is unique.
    ``time``: seconds, of whatever clock. What is not known is None.
    """

    id: int
    path: str
    camera: str | None
    time: float | None
    person: str | None


class Match(NamedTuple):
    """An entry that was found, and its ``score``: the cosine to the query."""

    score: float
    entry: Entry


class Gallery:
    """People on disk: features to search, and what is known of each.

    A gallery is a folder with one SQLite file, on a local disk. What is added in one
    call is there as a whole or, if the process is killed, not at all. Several processes
    may read while one writes: a search sees all that was written before it begins.
    Threads may share a gallery; forked children must not use it.

    Features are kept as float16. The first search loads them as 8-bit integers, which
    find ``4 * topk`` candidates, at least 40; float16 decides among these. Up to
    ``ivf_from`` entries, or with a filter, all are compared. Else Faiss reads the
    inverted lists near the query (IVF), so a few of the nearest may be missed.

    Make one by :meth:`create` or :meth:`open`; it is a context manager.

    Attributes:
        dim (int): Numbers of a feature.
        model (str): Fingerprint of the model that made the features.
        described_model (str): Fingerprint and name of that model.

    Example:
        >>> with Gallery.create('hall', 512, inferencer.fingerprint) as gallery:
        ...     gallery.add(inferencer(paths), paths, cameras=['hall'] * len(paths))
        ...     gallery.search(inferencer('who.jpg'), topk=5)[0][0].entry.path
        'hall/7.jpg'
    """

    def __init__(self, store: GalleryStore) -> None:
        self._store = store
        with store.transaction():
            about = store.about()
        self.dim = int(about['dim'])
        self.model = str(about['model'])
        name = about['model_name']
        self.described_model = f'{self.model} ({name})' if name else self.model
        self._ivf_from = int(about['ivf_from'])
        self._index = VectorIndex(store, self.dim)

    @classmethod
    def create(
        cls,
        folder: str | Path,
        dim: int,
        model: str,
        model_name: str = '',
        ivf_from: int = IVF_FROM,
    ) -> Gallery:
        """Makes an empty gallery and opens it for writing.

        Args:
            folder (str | Path): Is made if missing.
            dim (int): Numbers of a feature.
            model (str): Fingerprint of the model that makes the features, see
                ``ReIDInferencer.fingerprint``.
            model_name (str): Tells people which model that is. Defaults to ''.
            ivf_from (int): Number of entries from which search may miss some, for
                speed. Defaults to a million.

        Raises:
            FileExistsError: If there is a gallery in the folder.
        """
        folder = Path(folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        about = dict(dim=dim, model=model, model_name=model_name, ivf_from=ivf_from)
        return cls(GalleryStore(folder, write=True, about={**about, 'trained_on': 0}))

    @classmethod
    def open(
        cls, folder: str | Path, model: str | None = None, write: bool = False
    ) -> Gallery:
        """Opens a gallery.

        Args:
            folder (str | Path): The gallery.
            model (str, optional): Fingerprint of the model that is to be used with it.
                Defaults to None: not checked.
            write (bool): Whether it may be changed. Defaults to False.

        Raises:
            FileNotFoundError: If there is no gallery.
            ValueError: If it is damaged, or another model has made it.
            RuntimeError: If another process is writing, too.
        """
        folder = Path(folder).expanduser()
        if not cls.exists(folder):
            raise FileNotFoundError(f'there is no gallery in {folder}: no {FILE}.')
        gallery = cls(GalleryStore(folder, write))
        if model is not None and model != gallery.model:
            gallery.close()
            raise ValueError(
                f'the gallery {folder} was made by model {gallery.described_model}, '
                f'not by model {model}: their features cannot be compared.'
            )
        return gallery

    @staticmethod
    def exists(folder: str | Path) -> bool:
        """Whether there is a gallery in a folder."""
        return Path(folder).expanduser().joinpath(FILE).is_file()

    def close(self) -> None:
        """Closes the files; others may then write."""
        self._store.close()

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        with self._store.transaction():
            return self._store.count()

    def cameras(self) -> list[str]:
        """All cameras, in alphabetical order."""
        names = 'SELECT DISTINCT camera FROM entry WHERE camera IS NOT NULL ORDER BY 1'
        with self._store.transaction():
            return self._store.column(names)

    def known(self, paths: Sequence[str]) -> set[str]:
        """Those of the paths that are in the gallery."""
        known = f'SELECT path FROM entry WHERE path {AMONG}'
        with self._store.transaction():
            return {*self._store.column(known, [*paths])}

    def entries(self, ids: Sequence[int] | np.ndarray) -> list[Entry]:
        """The entries of these ids that are there, in the order of ``ids``."""
        with self._store.transaction():
            found = self._entries(np.asarray(ids).tolist())
        return [found[int(i)] for i in ids if int(i) in found]

    def _entries(self, ids: list[int]) -> dict[int, Entry]:
        query = f'SELECT id, path, camera, time, person FROM entry WHERE id {AMONG}'
        return {row[0]: Entry(*row) for row in self._store.rows(query, ids)}

    def select(
        self,
        camera: str | Sequence[str] | None = None,
        time: Times | None = None,
        person: str | None = None,
        below: Sequence[str] | None = None,
    ) -> np.ndarray:
        """Ids of the entries that meet all conditions, ``[N]`` int64, ascending.

        Args:
            camera (str | Sequence[str], optional): One of these cameras.
            time (tuple, optional): First and last time in seconds; None is no limit.
            person (str, optional): This person.
            below (Sequence[str], optional): One of these paths, or below one.
        """
        where, values = _condition(camera, time)
        if person is not None:
            where, values = f'{where} AND person = ?', [*values, person]
        if below is not None:
            # '0' is the character after '/'
            where += (
                ' AND id IN (SELECT e.id FROM json_each(?) AS at CROSS JOIN entry e ON '
                "e.path = value OR e.path > value || '/' AND e.path < value || '0')"
            )
            values = [*values, [*below]]
        with self._store.transaction():
            ids = self._store.column(f'SELECT id FROM entry WHERE {where}', *values)
        return np.sort(np.array(ids, np.int64))

    def add(
        self,
        features: np.ndarray,
        paths: Sequence[str],
        cameras: Sequence[str | None] | None = None,
        times: Sequence[float | None] | None = None,
        persons: Sequence[str | None] | None = None,
    ) -> np.ndarray:
        """Adds entries; all of them, or none if it fails.

        Once a gallery has reached ``ivf_from`` entries, and four times that, and so on,
        this also trains the inverted lists: about a minute for a million.

        Args:
            features (np.ndarray): ``[N, dim]``, of any length but 0.
            paths (Sequence[str]): Unique; see :class:`Entry` for this and the others.
            cameras (Sequence[str | None], optional): Of each.
            times (Sequence[float | None], optional): Of each.
            persons (Sequence[str | None], optional): Of each.

        Returns:
            np.ndarray: ``[N]`` int64, their ids, which stay as long as they do.

        Raises:
            ValueError: If a path is there already, or a feature is not like that.
            RuntimeError: If the gallery is not open for writing.
        """
        halves = unit_rows(features, self.dim).astype(np.float16)
        nothing = [None] * len(paths)
        columns = [paths, cameras or nothing, times or nothing, persons or nothing]
        counts = [len(column) for column in columns]
        if {*counts} != {len(halves)}:
            raise ValueError(
                f'there are {len(halves)} features but {", ".join(map(str, counts))} '
                'paths, cameras, times and persons.'
            )
        with self._store.transaction(write=True):
            ids = self._store.insert(zip(*columns), halves)
            update_lists(self._store, self.dim, ids, halves, self._ivf_from)
        return ids

    def remove(self, ids: Sequence[int] | np.ndarray) -> int:
        """Removes entries and returns how many of these were there."""
        with self._store.transaction(write=True):
            return self._store.delete(ids)

    def search(
        self,
        features: np.ndarray,
        topk: int = 10,
        camera: str | Sequence[str] | None = None,
        time: Times | None = None,
    ) -> list[list[Match]]:
        """Finds for each query at most ``topk`` entries that are most like it.

        Args:
            features (np.ndarray): ``[Q, dim]``, of any length but 0.
            topk (int): How many a query. Defaults to 10.
            camera (str | Sequence[str], optional): See :meth:`select`.
            time (tuple, optional): See :meth:`select`.

        Raises:
            ValueError: If a feature is not like that, or the gallery is damaged.
        """
        queries = unit_rows(features, self.dim)
        is_filtered = camera is not None or time is not None
        condition = _condition(camera, time) if is_filtered else None
        with self._store.transaction():
            found = [*self._index.search(queries, topk, condition)]
            entries = self._entries([*{i for ids, _ in found for i in ids}])
        return [
            [Match(score, entries[i]) for i, score in zip(*nearest)]
            for nearest in found
        ]

    def verify(self) -> list[str]:
        """Reads the whole gallery and says what is wrong; nothing if all is well."""
        try:
            with self._store.transaction():
                return self._store.faults(self.dim)
        except ValueError as error:
            return [str(error)]


def _condition(
    camera: str | Sequence[str] | None, time: Times | None
) -> tuple[str, list[Any]]:
    """A condition in SQL, and the parameters in it."""
    terms: dict[str, Any] = {}
    if camera is not None:
        terms[f'camera {AMONG}'] = [camera] if isinstance(camera, str) else [*camera]
    for sign, limit in zip(('>=', '<='), time or ()):
        if limit is not None:
            terms[f'time {sign} ?'] = limit
    return ' AND '.join(['TRUE', *terms]), [*terms.values()]
