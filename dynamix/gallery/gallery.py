from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np

from .entry import Entry, Match
from .inverted_lists import centroids_of, nearest_centroids, train_lists
from .loaded_index import LoadedIndex, Times
from .store import FILE, FORMAT, GalleryStore
from .vector_index import unit_rows
from .writer_lock import writer_lock

# Up to here, exact search reads 250 MB at most: about 15 ms of one quiet core.
IVF_FROM = 250_000


class Gallery:
    """People on disk: features to search, and what is known of each.

    A gallery is a folder with one SQLite file. What is added in one call is there as a
    whole or, if the process is killed, not at all. Several processes may read while
    one writes: a search sees all that was written before it begins. The file system
    must not be a network's. Methods may be called from several threads; forked
    children must not use it.

    Features are kept as float16, also in memory, where the first search loads them.
    Up to ``ivf_from`` entries, search compares the query with all of them. From then
    on Faiss searches the inverted lists near it (IVF), so a few of the nearest may be
    missed; with a filter, search is exact always.

    Make one by :meth:`create` or :meth:`open`; it is a context manager.

    Attributes:
        folder (Path): The gallery.
        dim (int): Numbers of a feature.
        model (str): Fingerprint of the model that made the features.
        model_name (str): Its name for people, or ''.

    Example:
        >>> with Gallery.create('hall', 512, inferencer.fingerprint) as gallery:
        ...     gallery.add(inferencer(paths), paths, cameras=['hall'] * len(paths))
        ...     gallery.search(inferencer('who.jpg'), topk=5)[0][0].entry.path
        'hall/7.jpg'
    """

    def __init__(self, folder: Path, write: bool) -> None:
        self.folder = folder
        self._threads = Lock()
        self._writer = writer_lock(folder) if write else None
        try:
            self._store = GalleryStore(folder)
            with self._store.transaction():
                about = self._store.about()
            if about.get('format') != FORMAT:
                raise ValueError(
                    f'{self._store.file} is no gallery of this version: its format is '
                    f'{about.get("format")!r}, expected {FORMAT!r}.'
                )
        except BaseException:
            if self._writer is not None:
                self._writer.release()
            raise
        self.dim = int(about['dim'])
        self.model = str(about['model'])
        self.model_name = str(about['model_name'])
        self._ivf_from = int(about['ivf_from'])
        self._loaded = LoadedIndex(self._store, self.dim)

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
                speed. Defaults to 250 000.

        Raises:
            FileExistsError: If there is a gallery in the folder.
            RuntimeError: If another process is writing there.
        """
        folder = Path(folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        with writer_lock(folder):
            store = GalleryStore(folder)
            is_new = store.create(
                dim=dim,
                model=model,
                model_name=model_name,
                ivf_from=ivf_from,
                trained_on=0,
                trainings=0,
            )
            store.close()
        if not is_new:
            raise FileExistsError(f'there is a gallery in {folder} already.')
        return cls(folder, write=True)

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
            RuntimeError: If it is to be changed and another process is writing.
        """
        folder = Path(folder).expanduser()
        if not cls.exists(folder):
            raise FileNotFoundError(f'there is no gallery in {folder}: no {FILE}.')
        gallery = cls(folder, write)
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

    @property
    def described_model(self) -> str:
        """Fingerprint and name of its model."""
        return self.model + (f' ({self.model_name})' if self.model_name else '')

    def close(self) -> None:
        """Closes the files; others may then write."""
        self._store.close()
        if self._writer is not None:
            self._writer.release()

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        with self._transaction():
            return self._store.count()

    def cameras(self) -> list[str]:
        """All cameras, in alphabetical order."""
        with self._transaction():
            return self._store.cameras()

    def known(self, paths: Sequence[str]) -> set[str]:
        """Those of the paths that are in the gallery."""
        with self._transaction():
            return self._store.known(paths)

    def entries(self, ids: Sequence[int] | np.ndarray) -> list[Entry]:
        """The entries of these ids that are there, in the order of ``ids``."""
        with self._transaction():
            found = self._store.entries(ids)
        return [found[int(i)] for i in ids if int(i) in found]

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
        with self._transaction():
            return self._store.ids(_names(camera), time, person, below)

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
        this also trains the inverted lists, which takes minutes for a million.

        Args:
            features (np.ndarray): ``[N, dim]``, of any length but 0.
            paths (Sequence[str]): Of crops or tracklets, or other unique names.
            cameras (Sequence[str | None], optional): Of each.
            times (Sequence[float | None], optional): Of each, in seconds.
            persons (Sequence[str | None], optional): Of each.

        Returns:
            np.ndarray: ``[N]`` int64, their ids, which stay as long as they do.

        Raises:
            ValueError: If a path is there already, or a feature has another length, is
                not finite or is zero.
            RuntimeError: If the gallery is not open for writing.
        """
        halves = unit_rows(features, self.dim).astype(np.float16)
        nothing = [None] * len(paths)
        columns = [paths, cameras or nothing, times or nothing, persons or nothing]
        if {len(column) for column in columns} != {len(halves)}:
            raise ValueError(
                f'there are {len(halves)} features but '
                f'{", ".join(str(len(column)) for column in columns)} paths, cameras, '
                'times and persons.'
            )
        with self._transaction(write=True):
            about = self._store.about()
            centroids = centroids_of(about, self.dim)
            lists = nothing
            if centroids is not None:
                lists = nearest_centroids(halves, centroids).tolist()
            ids = self._store.insert(zip(*columns, lists), halves)
            if self._store.count() >= max(self._ivf_from, 4 * about['trained_on'], 1):
                train_lists(self._store, self.dim)
        return ids

    def remove(self, ids: Sequence[int] | np.ndarray) -> int:
        """Removes entries and returns how many of these were there.

        Raises:
            RuntimeError: If the gallery is not open for writing.
        """
        with self._transaction(write=True):
            return self._store.delete(ids)

    def search(
        self,
        features: np.ndarray,
        topk: int = 10,
        camera: str | Sequence[str] | None = None,
        time: Times | None = None,
    ) -> list[list[Match]]:
        """Finds for each query the entries that are most like it.

        Args:
            features (np.ndarray): ``[Q, dim]``, of any length but 0.
            topk (int): How many a query. Defaults to 10.
            camera (str | Sequence[str], optional): Only these cameras.
            time (tuple, optional): Only from the first to the last time, in seconds;
                None is no limit.

        Returns:
            list[list[Match]]: For each query at most ``topk``, best first.

        Raises:
            ValueError: If a feature has another length, is not finite or is zero; if
                the gallery is damaged.
        """
        queries = unit_rows(features, self.dim)
        with self._transaction():
            scores, ids = self._loaded.search(queries, topk, _names(camera), time)
            entries = self._store.entries({*ids.ravel().tolist()})
        return [
            [Match(s, entries[i]) for s, i in zip(*row) if i >= 0]
            for row in zip(scores.tolist(), ids.tolist())
        ]

    def verify(self) -> list[str]:
        """Reads the whole gallery and says what is wrong; nothing if all is well."""
        try:
            with self._transaction():
                return self._store.faults(self.dim)
        except ValueError as error:
            return [str(error)]

    @contextmanager
    def _transaction(self, write: bool = False) -> Iterator[None]:
        if write and self._writer is None:
            raise RuntimeError(f'the gallery {self.folder} is not open for writing.')
        with self._threads, self._store.transaction(write):
            yield


def _names(camera: str | Sequence[str] | None) -> list[str] | None:
    if camera is None:
        return None
    return [camera] if isinstance(camera, str) else [*camera]
