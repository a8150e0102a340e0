from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from .match_ranks import match_ranks
from .ranking_labels import JUNK, RankingLabels

ScoreBlock = Callable[[int, int], torch.Tensor]
"""Takes ``start, stop``; returns ``[stop - start, G]`` scores, higher is nearer."""

BLOCK_BYTES = 16 * 2**20
COPY_DISTANCE = 0.01
COPY_ROWS = 64


@dataclass(frozen=True)
class Ranking:
    """What each query's ranking of the gallery is worth.

    A query without a match is dropped: it has no part in any mean.

    Args:
        first_match (np.ndarray): ``[Q]`` int64, 0-based rank of the nearest match;
            -1 for a dropped query.
        average_precision (np.ndarray): ``[Q]`` float64 in 0..1; mean of the precision
            at each match, not interpolated. NaN for a dropped query.
        inverse_penalty (np.ndarray): ``[Q]`` float64 in 0..1; number of matches over
            the 1-based rank of the last one. NaN for a dropped query.
        num_junk (int): Queries dropped as they are junk.
        num_same_camera (int): Queries dropped as all their matches stand under the
            query's own camera.
        num_no_match (int): Queries dropped as the gallery has no image of their
            identity, or only the query image itself.
    """

    first_match: np.ndarray
    average_precision: np.ndarray
    inverse_penalty: np.ndarray
    num_junk: int
    num_same_camera: int
    num_no_match: int

    @property
    def num_valid(self) -> int:
        return int((self.first_match >= 0).sum())

    def scores(self, topk: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
        """``Rank-k`` (CMC) for each k, ``mAP`` and ``mINP``, in 0..1."""
        valid = self.first_match >= 0
        first = self.first_match[valid]
        return {
            **{f'Rank-{k}': float((first < k).mean()) for k in topk},
            'mAP': float(self.average_precision[valid].mean()),
            'mINP': float(self.inverse_penalty[valid].mean()),
        }


def rank_blocks(score_block: ScoreBlock, labels: RankingLabels) -> Ranking:
    """Ranks by blocks of scores, so that ``[Q, G]`` never exists as a whole.

    The rank of a match is the number of gallery images with a higher score, counted
    on the CPU. Equal scores are ranked in gallery order: a model that gives all images
    the same feature gets no credit beyond that order.

    Args:
        score_block (ScoreBlock): Called with ``start, stop``; returns the finite
            scores of these queries, ``[stop - start, G]``; they may be overwritten.
        labels (RankingLabels): Identities, cameras and rules.

    Returns:
        Ranking: One row a query.
    """
    num_queries = labels.num_queries
    first_match = np.full(num_queries, -1, dtype=np.int64)
    precision = np.full(num_queries, np.nan)
    penalty = np.full(num_queries, np.nan)
    num_same_camera = 0
    step = max(1, BLOCK_BYTES // (4 * max(labels.num_gallery, 1)))
    for start in range(0, num_queries, step):
        stop = min(start + step, num_queries)
        row, column, is_match, itself = labels.pairs(start, stop)
        matches = np.bincount(row[is_match], minlength=stop - start)
        others = np.bincount(row[~is_match & ~itself], minlength=stop - start)
        num_same_camera += int(((matches == 0) & (others > 0)).sum())
        if not is_match.any():
            continue
        score = score_block(start, stop).cpu().numpy()
        score[:, labels.junk_columns] = -np.inf
        score[row[~is_match], column[~is_match]] = -np.inf
        row, column = row[is_match], column[is_match]
        rank = match_ranks(score, row, column)
        rank = rank[np.lexsort((rank, row))]
        valid = np.flatnonzero(matches)
        begin = (np.cumsum(matches) - matches)[row]
        nth = np.arange(1, len(row) + 1) - begin
        summed = np.bincount(row, nth / (rank + 1), minlength=stop - start)
        end = np.cumsum(matches)[valid]
        precision[start + valid] = summed[valid] / matches[valid]
        penalty[start + valid] = matches[valid] / (rank[end - 1] + 1)
        first_match[start + valid] = rank[end - matches[valid]]
    num_junk = int((labels.query_identity == JUNK).sum())
    dropped = int((first_match < 0).sum())
    return Ranking(
        first_match,
        precision,
        penalty,
        num_junk=num_junk,
        num_same_camera=num_same_camera,
        num_no_match=dropped - num_junk - num_same_camera,
    )


def feature_scores(query: torch.Tensor, gallery: torch.Tensor) -> ScoreBlock:
    """Cosines of features, block by block.

    Args:
        query (torch.Tensor): ``[Q, D]`` float32, of any length.
        gallery (torch.Tensor): ``[G, D]`` float32 on the same device.

    Raises:
        ValueError: If they have different numbers of dimensions.
    """
    if query.shape[1] != gallery.shape[1]:
        raise ValueError(
            f'query features have {query.shape[1]} numbers each, gallery features '
            f'{gallery.shape[1]}.'
        )
    query, gallery = F.normalize(query), F.normalize(gallery)
    return lambda start, stop: query[start:stop] @ gallery.T


def count_copies(
    query: torch.Tensor, gallery: torch.Tensor, labels: RankingLabels
) -> int:
    """Counts the queries that have a match with the same embedding.

    Such a match is a copy of the query's image: even a model that has learnt nothing
    ranks it first. Embeddings count as the same up to a Euclidean distance of 0.01 at
    unit length (consecutive frames of MARS: at least 0.15); where the whole gallery is
    that close, nothing is counted. Ours.

    Args:
        query (torch.Tensor): ``[Q, D]`` float32.
        gallery (torch.Tensor): ``[G, D]`` float32 on the same device.
        labels (RankingLabels): Identities, cameras and rules.

    Returns:
        int: Number of queries.
    """
    query, gallery = F.normalize(query), F.normalize(gallery)
    if (gallery - gallery[0]).norm(dim=1).max() <= COPY_DISTANCE:
        return 0
    copied = 0
    for start in range(0, len(query), COPY_ROWS):
        row, column, is_match, _ = labels.pairs(start, start + COPY_ROWS)
        pairs = np.stack([row[is_match] + start, column[is_match]])
        left, right = torch.from_numpy(pairs).to(query.device)
        same = (query[left] - gallery[right]).norm(dim=1) <= COPY_DISTANCE
        copied += len(left[same].unique())
    return copied
