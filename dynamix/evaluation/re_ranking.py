"""k-reciprocal re-ranking (Zhong et al., CVPR 2017), sparse and in blocks."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse

from dynamix.config_checks import check_rate, check_whole

from .ranking import ScoreBlock

_BLOCK_ROWS = 256
_BLOCK_NUMBERS = 2**24


def k_reciprocal_scores(
    query: torch.Tensor,
    gallery: torch.Tensor,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
) -> ScoreBlock:
    """Scores refined by the neighbourhoods that query and gallery image share.

    Every image is described by its k-reciprocal neighbours among all queries and
    gallery images together, weighted by ``exp(-distance)``; descriptions are averaged
    over ``k2`` nearest neighbours and compared by the Jaccard distance, which is
    mixed with the features' own distance squared, that is ``(1 - cosine)**2``, as the
    field's evaluators do. Only neighbours are kept, so memory grows with
    ``(Q + G) x k1`` and time with one product of all features with all.

    Distances are scaled, for each image, by the greatest one: scores of different
    queries cannot be compared. As other queries take part, a query's result depends
    on who else is asked for.

    Args:
        query (torch.Tensor): ``[Q, D]`` finite float32.
        gallery (torch.Tensor): ``[G, D]`` finite float32 on the same device.
        k1 (int): Neighbours that must be mutual. Defaults to 20.
        k2 (int): Neighbours, the image itself among them, to average over; 1 for
            none. Defaults to 6.
        lambda_value (float): Share of the features' distance in the mixture, in
            0..1. Defaults to 0.3.

    Returns:
        ScoreBlock: Takes ``start, stop``; returns ``[stop - start, G]`` float32
        negated distances.
    """
    features = F.normalize(torch.cat([query, gallery]))
    neighbours, farthest = _nearest(features, max(k1 + 1, k2))
    description = _descriptions(features, neighbours, farthest, k1)
    nearest = neighbours[:, :k2]
    description = _graph(nearest, 1 / nearest.shape[1]) @ description
    of_queries = description[: len(query)].tocsr()
    by_neighbour = description[len(query) :].tocsc()

    def score_block(start: int, stop: int) -> torch.Tensor:
        jaccard = np.stack(
            [_jaccard(of_queries[i], by_neighbour) for i in range(start, stop)]
        )
        distance = torch.from_numpy(jaccard).to(features.device)
        distance *= 1 - lambda_value
        original = _squared_distances(features[start:stop], features[len(query) :])
        original /= torch.from_numpy(farthest[start:stop, None]).to(features.device)
        original.square_()
        return distance.add_(original, alpha=lambda_value).neg_()

    return score_block


def check_options(k1: int = 20, k2: int = 6, lambda_value: float = 0.3) -> None:
    """Raises ValueError if an option of :func:`k_reciprocal_scores` is wrong."""
    check_whole('rerank.k1', k1, 1)
    check_whole('rerank.k2', k2, 1)
    check_rate('rerank.lambda_value', lambda_value)


def _squared_distances(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    squares = left.square().sum(dim=1)[:, None] + right.square().sum(dim=1)
    return squares.addmm_(left, right.T, alpha=-2).clamp_(min=0)


def _nearest(features: torch.Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    """``[N, count]`` nearest, itself first; ``[N]`` greatest squared distance."""
    count = min(count, len(features))
    nearest, farthest = [], []
    for start in range(0, len(features), _BLOCK_ROWS):
        block = features[start : start + _BLOCK_ROWS]
        distance = _squared_distances(block, features)
        farthest.append(distance.amax(dim=1).clamp_(min=1e-12).cpu())
        row = torch.arange(len(block), device=features.device)
        distance[row, row + start] = -1
        nearest.append(distance.topk(count, largest=False).indices.cpu())
    return torch.cat(nearest).numpy(), torch.cat(farthest).numpy()


def _graph(nearest: np.ndarray, weight: float) -> sparse.csr_matrix:
    """``[N, N]`` float32: this weight from each image to its nearest."""
    size, width = nearest.shape
    weights = np.full(nearest.size, weight, dtype=np.float32)
    ends = np.arange(0, nearest.size + 1, width)
    return sparse.csr_matrix((weights, nearest.reshape(-1), ends), shape=(size, size))


def _reciprocal(neighbours: np.ndarray, k: int) -> sparse.csr_matrix:
    """Pairs in which each is among the other's k nearest, itself included."""
    graph = _graph(neighbours[:, : k + 1], 1)
    return graph.multiply(graph.T).tocsr()


def _descriptions(
    features: torch.Tensor,
    neighbours: np.ndarray,
    farthest: np.ndarray,
    k1: int,
) -> sparse.csr_matrix:
    """``[N, N]`` weights of the expanded neighbours; each row sums to 1."""
    near = _reciprocal(neighbours, k1)
    nearer = _reciprocal(neighbours, int(np.around(k1 / 2)))
    # A neighbour brings in its own closest ones if more than 2/3 of them are ours.
    shared = near.multiply(near @ nearer.T).tocoo()
    size_of = np.diff(nearer.indptr)
    brings = shared.data > size_of[shared.col] * 2 / 3
    accepted = sparse.csr_matrix(
        (shared.data[brings], (shared.row[brings], shared.col[brings])),
        shape=near.shape,
    )
    expanded = (near + accepted @ nearer).tocoo()
    row, column = expanded.row, expanded.col
    weight = np.empty(len(row), dtype=np.float32)
    step = max(1, _BLOCK_NUMBERS // features.shape[1])
    for start in range(0, len(row), step):
        part = slice(start, start + step)
        left = features[torch.from_numpy(row[part]).to(features.device).long()]
        right = features[torch.from_numpy(column[part]).to(features.device).long()]
        weight[part] = (left - right).square_().sum(dim=1).cpu().numpy()
    weight = np.exp(-((weight / farthest[row]) ** 2))
    weight /= np.bincount(row, weight, minlength=len(features))[row]
    return sparse.csr_matrix((weight, (row, column)), shape=near.shape)


def _jaccard(one: sparse.csr_matrix, others: sparse.csc_matrix) -> np.ndarray:
    """``[G]`` float32 Jaccard distances of one image to all of the gallery."""
    begin, end = others.indptr[one.indices], others.indptr[one.indices + 1]
    count = end - begin
    skip = np.repeat(begin - (np.cumsum(count) - count), count)
    entry = np.arange(len(skip)) + skip
    common = np.bincount(
        others.indices[entry],
        np.minimum(others.data[entry], np.repeat(one.data, count)),
        minlength=others.shape[0],
    )
    return (1 - common / (2 - common)).astype(np.float32)
