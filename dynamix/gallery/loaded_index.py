from __future__ import annotations

import numpy as np

from .inverted_lists import centroids_of
from .store import GalleryStore
from .vector_index import VectorIndex

Times = tuple[float | None, float | None]


class LoadedIndex:
    """The features of a store in memory, brought up to date before each search.

    Args:
        store (GalleryStore): Is read in the transaction of the caller.
        dim (int): Numbers of a feature.
    """

    def __init__(self, store: GalleryStore, dim: int) -> None:
        self._store = store
        self._dim = dim
        self._index: VectorIndex | None = None
        self._seen: object = None
        self._trainings: object = None
        self._filter: object = None
        self._filtered = np.empty(0, np.int64)

    def search(
        self,
        queries: np.ndarray,
        topk: int,
        camera: list[str] | None,
        time: Times | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Finds the nearest entries; see :meth:`VectorIndex.search`.

        Args:
            queries (np.ndarray): ``[Q, dim]`` float32, of unit length.
            topk (int): How many a query.
            camera (list[str] | None): Only these cameras.
            time (tuple | None): Only from the first to the last time.
        """
        index = self._up_to_date()
        if camera is None and time is None:
            return index.search(queries, topk)
        if self._filter != (camera, time):
            self._filtered = self._store.ids(camera, time)
            self._filter = camera, time
        return index.search(queries, topk, self._filtered)

    def _up_to_date(self) -> VectorIndex:
        seen, index = self._store.version(), self._index
        if index is not None and seen == self._seen:
            return index
        about = self._store.about()
        if index is None or self._trainings != about['trainings']:
            index = VectorIndex(self._dim, centroids_of(about, self._dim))
        for block in self._store.features(self._dim, after=index.last_id):
            index.add(*block)
        # ids are not given again, so it then holds all entries and those removed
        if len(index) != self._store.count():
            index.keep(self._store.ids())
        self._index, self._seen, self._filter = index, seen, None
        self._trainings = about['trainings']
        return index
