from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from .store import AMONG, GalleryStore

_SAMPLED = 8192  # entries that the range of codes is taken from
_QUERIES = 256  # searched at a time, as their candidates are in memory
# benchmarks/gallery.md says how these were chosen
_LISTS = 5  # times the square root of the number of entries
_PROBED_SHARE = 10  # one list in so many is read
_TRAINED_PER_LIST = 20
_ROUNDS = 4
_LONG_FROM = 100_000

Condition = tuple[str, list[Any]]  # in SQL, and the parameters in it


class VectorIndex:
    """The features of a store in memory as 8-bit integers, searched by Faiss.

    It finds some more than asked for; their float16 features, which are read from the
    store, decide among them.

    Args:
        store (GalleryStore): In a transaction when a method is called.
        dim (int): Numbers of a feature.
    """

    def __init__(self, store: GalleryStore, dim: int) -> None:
        self._faiss = import_faiss()
        self._store = store
        self._dim = dim
        self._version: object = None
        self._trained_on = 0
        self._index: Any = None
        self._ids = np.empty(0, np.int64)
        self._condition: object = None

    def search(
        self, queries: np.ndarray, topk: int, condition: Condition | None
    ) -> Iterator[tuple[list[int], list[float]]]:
        """Yields for each query at most ``topk`` ids and their cosines, highest first.

        Queries are ``[Q, dim]`` float32, of unit length. With a condition, only
        entries that meet it are found.
        """
        self._bring_up_to_date()
        if not len(self._ids):
            yield from [([], [])] * len(queries)
            return
        selector, probed = None, -(-self._index.nlist // _PROBED_SHARE)
        if condition is not None:
            selector, probed = self._selector(condition), self._index.nlist
        parameters = self._faiss.SearchParametersIVF(sel=selector, nprobe=probed)
        candidates = min(max(4 * topk, 40), len(self._ids))
        for start in range(0, len(queries), _QUERIES):
            part = queries[start : start + _QUERIES]
            codes = self._codes(part).astype(np.float32)
            _, found = self._index.search(codes, candidates, params=parameters)
            ids = np.unique(found[found >= 0])
            features = _features(self._store, self._dim, ids)
            for query, row in zip(part, found):
                row = row[row >= 0]
                scores = features[np.searchsorted(ids, row)] @ query
                best = np.argsort(-scores, kind='stable')[:topk]
                yield row[best].tolist(), scores[best].tolist()

    def _selector(self, condition: Condition) -> Any:
        if self._condition != condition:
            where, values = condition
            query = f'SELECT id FROM entry WHERE {where}'
            chosen = np.zeros(self._ids[-1] + 1, bool)
            chosen[self._store.column(query, *values)] = True
            self._chosen = np.packbits(chosen, bitorder='little')
            self._condition = condition
        return self._faiss.IDSelectorBitmap(self._chosen)

    def _bring_up_to_date(self) -> None:
        version = self._store.version()
        if version == self._version:
            return
        about = self._store.about()
        count = self._store.count()
        # few features tell little of the range of those to come
        is_small = len(self._ids) < _SAMPLED
        if count and (is_small or self._trained_on != about['trained_on']):
            self._start(about)
        last = int(self._ids[-1]) if len(self._ids) else 0
        for ids, lists, halves in self._store.features(self._dim, 'id > ?', last):
            self._add(ids, lists, halves)
            self._ids = np.append(self._ids, ids)
        # ids are not given again, so it then holds all entries and those removed
        if len(self._ids) != count:
            kept = np.array(self._store.column('SELECT id FROM entry'), np.int64)
            self._index.remove_ids(np.setdiff1d(self._ids, kept, assume_unique=True))
            self._ids = np.sort(kept)
        self._version, self._condition = version, None

    def _start(self, about: dict[str, Any]) -> None:
        features = _features(self._store, self._dim, _some(self._store, _SAMPLED))
        low, high = features.min(axis=0), features.max(axis=0)
        # one step for all axes, so that distances of codes are those of features
        self._step = max(float((high - low).max()) / 255, 1e-6)
        self._zero = (low + high) / 2 - 127.5 * self._step
        centroids = _centroids(about, self._dim)
        if centroids is None:
            centroids = np.zeros((1, self._dim), np.float32)
        self._quantizer = self._faiss.IndexFlatL2(self._dim)
        self._quantizer.add((centroids - self._zero) / self._step)
        self._index = self._faiss.IndexIVFScalarQuantizer(
            self._quantizer,
            self._dim,
            len(centroids),
            self._faiss.ScalarQuantizer.QT_8bit_direct,
            self._faiss.METRIC_L2,
            False,  # by_residual
        )
        self._index.is_trained = True
        self._trained_on = about['trained_on']
        self._ids = self._ids[:0]

    def _codes(self, features: np.ndarray) -> np.ndarray:
        codes = np.rint((features - self._zero) / self._step)
        return codes.clip(0, 255).astype(np.uint8)

    def _add(self, ids: np.ndarray, lists: np.ndarray, halves: np.ndarray) -> None:
        if not self._trained_on:
            lists = np.zeros_like(lists)
        elif lists.min() < 0 or lists.max() >= self._index.nlist:
            raise ValueError(
                f'{self._store.file} is damaged: not all entries have an inverted list.'
            )
        # what Faiss calls codes: the number of the list, then the numbers themselves
        head = self._index.coarse_code_size()
        numbers = lists.astype('<u4').view(np.uint8).reshape(-1, 4)[:, :head]
        codes = np.concatenate([numbers, self._codes(halves)], axis=1)
        self._index.add_sa_codes(codes, ids)


def update_lists(
    store: GalleryStore, dim: int, ids: np.ndarray, halves: np.ndarray, ivf_from: int
) -> None:
    """Notes the inverted lists of new entries, each that of the nearest centroid.

    When the gallery reaches ``ivf_from`` entries, and each time that it has grown
    fourfold since, this trains the lists (spherical k-means) and deals all entries.
    ``ids`` are ``[N]`` int64, ``halves`` ``[N, dim]`` float16.
    """
    count, about = store.count(), store.about()
    if count < max(ivf_from, 4 * about['trained_on'], 1):
        centroids = _centroids(about, dim)
        if centroids is not None:
            store.set_lists(ids, _nearest(halves, centroids))
        return
    num_lists = min(count, round(_LISTS * math.sqrt(count)))
    if count > _LONG_FROM:
        print_log(
            f'{store.file}: dividing {count} entries among {num_lists} lists for a '
            'faster search.',
            logger='current',
        )
    kmeans = import_faiss().Kmeans(
        dim,
        num_lists,
        niter=_ROUNDS,
        spherical=True,
        seed=0,
        min_points_per_centroid=1,
        max_points_per_centroid=_TRAINED_PER_LIST,
    )
    some = _some(store, _TRAINED_PER_LIST * num_lists)
    kmeans.train(_features(store, dim, some))
    store.set_about(centroids=kmeans.centroids.tobytes(), trained_on=count)
    dealt = [
        (ids, _nearest(halves, kmeans.centroids))
        for ids, _, halves in store.features(dim)
    ]
    for block in dealt:
        store.set_lists(*block)


def unit_rows(features: np.ndarray, dim: int) -> np.ndarray:
    """Features of unit length, ``[N, dim]`` float32; ValueError if there are none."""
    features = np.asarray(features, np.float32)
    if features.ndim != 2 or features.shape[1] != dim:
        raise ValueError(
            f'features must be [N, {dim}] for this gallery, but are '
            f'{list(features.shape)}.'
        )
    length = np.linalg.norm(features, axis=1, keepdims=True)
    wrong = ~(np.isfinite(length) & (length > 0)).ravel()
    if wrong.any():
        raise ValueError(f'feature {wrong.argmax()} is zero or not finite.')
    return features / length


def import_faiss() -> Any:
    """The module, imported where it is used as it is an extra."""
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            'a gallery needs Faiss: pip install -e ".[gallery]"'
        ) from error
    return faiss


def _centroids(about: dict[str, Any], dim: int) -> np.ndarray | None:
    if not about['trained_on']:
        return None
    return np.frombuffer(about['centroids'], np.float32).reshape(-1, dim)


def _nearest(features: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    faiss = import_faiss()
    inner = faiss.METRIC_INNER_PRODUCT
    return faiss.knn(features.astype(np.float32), centroids, 1, inner)[1][:, 0]


def _some(store: GalleryStore, size: int) -> np.ndarray:
    """Ids of entries, drawn at random; all if there are no more than ``size``."""
    ids = store.column('SELECT id FROM entry')
    return np.random.default_rng(0).choice(ids, min(size, len(ids)), replace=False)


def _features(
    store: GalleryStore, dim: int, ids: Sequence[int] | np.ndarray
) -> np.ndarray:
    """The features of these ids in ascending order, ``[N, dim]`` float32."""
    blocks = store.features(dim, f'id {AMONG}', np.asarray(ids).tolist())
    halves = [np.empty((0, dim), np.float16), *(block[-1] for block in blocks)]
    return np.concatenate(halves).astype(np.float32)
