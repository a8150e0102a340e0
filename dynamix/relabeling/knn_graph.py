"""Nearest neighbours of many vectors among themselves: Faiss, or blocks of products."""

from __future__ import annotations

import functools
import logging
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.logging import print_log
from torch.utils.data import get_worker_info

INDEXES = ('auto', 'exact', 'ivf', 'hnsw')
NONE = -1
EXACT_UP_TO = 20_000
LIST_SIZE = 64
HNSW_LINKS = 32
HNSW_BREADTH = 64
BLOCK_BYTES = 1 << 28


class Neighbours(NamedTuple):
    """Result of :func:`knn_graph`.

    Args:
        indices (np.ndarray): ``[n, k]`` int64, nearest first, equals by lower number;
            -1: there is none.
        similarity (np.ndarray): ``[n, k]`` float32 cosines; minus infinity where
            ``indices`` is -1.
    """

    indices: np.ndarray
    similarity: np.ndarray


def knn_graph(
    vectors: np.ndarray,
    k: int,
    index: str = 'auto',
    *,
    device: str | torch.device | None = None,
    probes: int = 32,
    seed: int = 0,
) -> Neighbours:
    """Nearest neighbours of each vector among the others.

    Runs on a GPU where there is one: with Faiss if it has GPU support, else, for the
    exact index, by blocked products in PyTorch. If the memory of the GPU does not
    suffice, it goes on with the CPU and warns once. The result depends on the
    arguments alone; HNSW is built by one thread for that.

    Args:
        vectors (np.ndarray): ``[n, D]`` unit vectors. Rows that are zero or not finite
            have no neighbours and are nobody's neighbour.
        k (int): Neighbours of each.
        index (str): ``'exact'``; ``'ivf'``: only the ``probes`` nearest clusters are
            searched; ``'hnsw'``: a graph is walked (always on the CPU); ``'auto'``:
            exact on a GPU and up to 20 000 vectors, else IVF. Defaults to ``'auto'``.
        device (str | torch.device, optional): ``'cpu'`` leaves a GPU alone. Defaults
            to None: CUDA if present.
        probes (int): Clusters that IVF searches for each vector, of one for 64 vectors,
            at most eight times the root of ``n``. (The root itself, the usual advice,
            takes longer at equal recall: time grows as ``n ** 1.5``.) Defaults to 32.
        seed (int): Seeds the k-means of IVF. Defaults to 0.

    Returns:
        Neighbours: Indices and similarities.

    Raises:
        ValueError: If ``k`` is below 1, ``vectors`` is no matrix or ``index`` unknown.
        ImportError: If Faiss is needed and absent.
        RuntimeError: If called in a worker of a data loader, where Faiss may deadlock.
    """
    if index not in INDEXES:
        raise ValueError(f'index must be one of {INDEXES}, but got {index!r}.')
    if k < 1:
        raise ValueError(f'k must be at least 1, but got {k}.')
    vectors = np.asarray(vectors)
    if vectors.ndim != 2:
        raise ValueError(f'vectors must be [n, D], but have shape {vectors.shape}.')
    if get_worker_info() is not None:
        raise RuntimeError(
            'knn_graph must run in the main process: Faiss deadlocks in a forked '
            'worker of a data loader.'
        )
    n = len(vectors)
    found = np.full((n, k), NONE, np.int64)
    similarity = np.full((n, k), -np.inf, np.float32)
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    square = np.einsum('ij,ij->i', vectors, vectors)
    healthy = np.flatnonzero(np.isfinite(square) & (square > 0))
    m = len(healthy)
    width = min(k, m - 1)
    if width < 1:
        return Neighbours(found, similarity)
    if m < n:
        vectors = vectors[healthy]
    target = torch.device(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
    on_cpu = index
    if index == 'auto':
        on_cpu = 'exact' if m <= EXACT_UP_TO else 'ivf'
        index = 'exact' if target.type == 'cuda' else on_cpu
    near, score = _search(vectors, width + 1, index, on_cpu, target, probes, seed)
    near, score = _without_self(near, score)
    found[healthy, :width] = np.where(near >= 0, healthy[near], NONE)
    similarity[healthy, :width] = score
    return Neighbours(found, similarity)


def recall(found: np.ndarray, exact: np.ndarray) -> float:
    """Share of the exact neighbours that were found.

    Args:
        found (np.ndarray): ``[n, k]`` indices; -1: none.
        exact (np.ndarray): ``[n, k]`` indices of the exact search; -1: none.

    Returns:
        float: In 0..1; 1 where there is nothing to find.
    """
    n = np.int64(len(exact))
    row = np.arange(n)[:, None]
    left, right = (np.unique((x * n + row)[x >= 0]) for x in (found, exact))
    return float(np.isin(right, left, assume_unique=True).mean()) if len(right) else 1.0


def blocked_topk(
    vectors: np.ndarray, k: int, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` most similar vectors of each, itself among them, by blocks of products.

    Products are made in float32, or TensorFloat-32 where PyTorch is told to.

    Args:
        vectors (np.ndarray): ``[n, D]`` float32.
        k (int): At most ``n``.
        device (torch.device): Where to multiply.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``[n, k]`` int64 indices and float32 products.
    """
    x = torch.from_numpy(vectors).to(device)
    n = len(x)
    rows = max(1, min(n, BLOCK_BYTES // (4 * n)))
    near = np.empty((n, k), np.int64)
    score = np.empty((n, k), np.float32)
    for start in range(0, n, rows):
        part = slice(start, start + rows)
        top = torch.topk(x[part] @ x.T, k, dim=1)
        near[part] = top.indices.cpu().numpy()
        score[part] = top.values.cpu().numpy()
    return near, score


def _search(
    x: np.ndarray,
    k: int,
    index: str,
    on_cpu: str,
    device: torch.device,
    probes: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours with the vector itself among them; unordered among equals.

    ``on_cpu`` is the index to use where a GPU's memory is not enough.
    """
    if device.type == 'cuda' and index != 'hnsw':
        try:
            if (faiss := _faiss(required=False)) and _num_gpus(faiss):
                gpu = device.index
                if gpu is None:
                    gpu = torch.cuda.current_device()
                # Faiss allocates for itself, what PyTorch holds back as well
                torch.cuda.empty_cache()
                return _faiss_gpu(faiss, x, k, index, gpu, probes, seed)
            if index == 'exact':
                return blocked_topk(x, k, device)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            torch.cuda.empty_cache()
            _warn_of_memory()
            index = on_cpu
    faiss = _faiss(index)
    if index == 'exact':
        score, near = faiss.knn(x, x, k, metric=faiss.METRIC_INNER_PRODUCT)
        return near, score
    if index == 'ivf':
        built = _ivf(faiss, x, probes, seed)
    else:
        metric = faiss.METRIC_INNER_PRODUCT
        built = faiss.IndexHNSWFlat(x.shape[1], HNSW_LINKS, metric)
        built.hnsw.efConstruction = HNSW_BREADTH
        built.hnsw.efSearch = max(HNSW_BREADTH, k)
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            built.add(x)
        finally:
            faiss.omp_set_num_threads(threads)
    score, near = built.search(x, k)
    return near, score


def _ivf(faiss: Any, x: np.ndarray, probes: int, seed: int) -> Any:
    """A trained and filled index of inverted lists."""
    n, dim = x.shape
    lists = max(1, min(n // LIST_SIZE, round(8 * n**0.5)))
    metric = faiss.METRIC_INNER_PRODUCT
    built = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, metric)
    built.cp.seed = seed
    built.cp.spherical = True
    built.cp.min_points_per_centroid = 1
    # rough clusters do: more training costs more than it saves
    built.cp.max_points_per_centroid = 16
    built.cp.niter = 6
    built.nprobe = min(probes, lists)
    built.train(x)
    built.add(x)
    return built


def _faiss_gpu(
    faiss: Any, x: np.ndarray, k: int, index: str, gpu: int, probes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    resources = faiss.StandardGpuResources()
    if index == 'exact':
        score, near = faiss.knn_gpu(
            resources, x, x, k, metric=faiss.METRIC_INNER_PRODUCT, device=gpu
        )
        return near, score
    built = faiss.index_cpu_to_gpu(resources, gpu, _ivf(faiss, x, probes, seed))
    score, near = built.search(x, k)
    return near, score


def _without_self(near: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drops one entry of each row, itself or else the last, and orders the rest.

    Among many equals, a vector may be missing from its own list.
    """
    n, k = near.shape
    own = near == np.arange(n)[:, None]
    own[~own.any(1), -1] = True
    near, score = near[~own].reshape(n, k - 1), score[~own].reshape(n, k - 1)
    score = np.where(near >= 0, score, -np.inf)
    order = np.lexsort((near, -score), axis=1)
    return np.take_along_axis(near, order, 1), np.take_along_axis(score, order, 1)


def _faiss(index: str = '', required: bool = True) -> Any:
    """Faiss, imported when first needed: worker processes never load it."""
    try:
        import faiss
    except ImportError as error:
        if not required:
            return None
        raise ImportError(
            f"index='{index}' needs Faiss, which is not installed: "
            '`pip install faiss-cpu` or `faiss-gpu`.'
        ) from error
    return faiss


def _num_gpus(faiss: Any) -> int:
    return int(getattr(faiss, 'get_num_gpus', lambda: 0)())


def _is_out_of_memory(error: RuntimeError) -> bool:
    text = str(error).lower()
    return isinstance(error, torch.cuda.OutOfMemoryError) or (
        'out of memory' in text or 'alloc fail' in text
    )


@functools.cache
def _warn_of_memory() -> None:
    print_log(
        'The memory of the GPU does not suffice for the k-NN graph: it is built on '
        'the CPU instead. This is said once.',
        logger='current',
        level=logging.WARNING,
    )
