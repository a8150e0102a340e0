"""Inverted lists of a large gallery (IVF): each entry is in that of its centroid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.logging import print_log

from .store import BLOCK, GalleryStore
from .vector_index import import_faiss

_TRAINED_PER_LIST = 40
_ROUNDS = 8


def centroids_of(about: Mapping[str, Any], dim: int) -> np.ndarray | None:
    """Centroids of a gallery's lists, ``[L, dim]`` float32; None without lists.

    Args:
        about (Mapping): See :meth:`GalleryStore.about`.
        dim (int): Numbers of a feature.
    """
    if not about['trained_on']:
        return None
    return np.frombuffer(about['centroids'], np.float32).reshape(-1, dim)


def nearest_centroids(features: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The list that each of ``[N, D]`` features belongs to, ``[N]`` int64."""
    index = import_faiss().IndexFlatIP(centroids.shape[1])
    index.add(centroids)
    return index.search(features.astype(np.float32), 1)[1][:, 0]


def train_lists(store: GalleryStore, dim: int) -> None:
    """Trains ``4 * sqrt(N)`` lists by spherical k-means, and deals all entries to them.

    Args:
        store (GalleryStore): In a transaction that writes.
        dim (int): Numbers of a feature.
    """
    count = store.count()
    num_lists = min(count, round(4 * math.sqrt(count)))
    if count > BLOCK:
        print_log(
            f'{store.file}: dividing {count} entries among {num_lists} lists for a '
            'faster search.',
            logger='current',
        )
    size = min(count, _TRAINED_PER_LIST * num_lists)
    chosen = np.random.default_rng(0).choice(store.ids(), size, replace=False)
    parts = [halves for *_, halves in store.features(dim, among=chosen)]
    kmeans = import_faiss().Kmeans(
        dim,
        num_lists,
        niter=_ROUNDS,
        spherical=True,
        seed=0,
        min_points_per_centroid=1,
        max_points_per_centroid=_TRAINED_PER_LIST,
    )
    kmeans.train(np.concatenate(parts).astype(np.float32))
    dealt = [
        (ids, nearest_centroids(halves, kmeans.centroids))
        for ids, _, halves in store.features(dim)
    ]
    for block in dealt:
        store.set_lists(*block)
    store.set_about(
        centroids=kmeans.centroids.tobytes(),
        trained_on=count,
        trainings=store.about()['trainings'] + 1,
    )
