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
FEATURE_METRICS = ('cosine', 'euclidean')


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

    def cmc(self, max_rank: int) -> np.ndarray:
        """Cumulative match characteristic.

        Returns:
            np.ndarray: ``[max_rank]`` float64 in 0..1, at ranks 1..max_rank; the
            share of valid queries with a match so early. NaN if there are none.
        """
        first = self.first_match[self.first_match >= 0]
        if not len(first):
            return np.full(max_rank, np.nan)
        return (first[:, None] < np.arange(1, max_rank + 1)).mean(axis=0)

    def scores(self, topk: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
        """``Rank-k`` for each k, ``mAP`` and ``mINP``, in 0..1.

        Raises:
            ValueError: If no query is valid.
        """
        valid = self.first_match >= 0
        if not valid.any():
            raise ValueError('no query has a match, so there is nothing to average.')
        cmc = self.cmc(max(topk)) if topk else np.empty(0)
        return {
            **{f'Rank-{k}': float(cmc[k - 1]) for k in topk},
            'mAP': float(self.average_precision[valid].mean()),
            'mINP': float(self.inverse_penalty[valid].mean()),
        }


def rank_features(
    query: torch.Tensor | np.ndarray,
    gallery: torch.Tensor | np.ndarray,
    labels: RankingLabels,
    metric: str = 'cosine',
    block_bytes: int = BLOCK_BYTES,
) -> Ranking:
    """Ranks the gallery for each query by the likeness of features.

    Args:
        query (torch.Tensor | np.ndarray): ``[Q, D]``, on the device that computes.
        gallery (torch.Tensor | np.ndarray): ``[G, D]``, on the same device.
        labels (RankingLabels): Identities, cameras and rules.
        metric (str): ``'cosine'`` (features need not be of unit length) or
            ``'euclidean'``. Defaults to ``'cosine'``.
        block_bytes (int): Size of the scores held at once. Defaults to 16 MiB.

    Returns:
        Ranking: One row a query.

    Raises:
        ValueError: If shapes do not fit, the metric is unknown, or a feature is not
            finite.
    """
    query_rows = as_features('query', query)
    gallery_rows = as_features('gallery', gallery)
    _check_shape(len(query_rows), len(gallery_rows), labels)
    score_block = feature_scores(query_rows, gallery_rows, metric)
    return rank_blocks(score_block, labels, block_bytes)


def rank_distances(
    distance: torch.Tensor | np.ndarray,
    labels: RankingLabels,
    block_bytes: int = BLOCK_BYTES,
) -> Ranking:
    """Ranks the gallery for each query by given distances.

    Args:
        distance (torch.Tensor | np.ndarray): ``[Q, G]`` floats; lower is nearer.
        labels (RankingLabels): Identities, cameras and rules.
        block_bytes (int): See :func:`rank_features`.

    Returns:
        Ranking: One row a query.

    Raises:
        ValueError: If the shape does not fit or a distance is not finite.
    """
    rows = torch.as_tensor(distance)
    if rows.ndim != 2:
        raise ValueError(f'distance must be [Q, G], but has shape {tuple(rows.shape)}.')
    if rows.dtype not in (torch.float32, torch.float64):
        rows = rows.double()
    if not torch.isfinite(rows).all():
        raise ValueError('distance holds values that are not finite.')
    _check_shape(rows.shape[0], rows.shape[1], labels)
    return rank_blocks(lambda start, stop: -rows[start:stop], labels, block_bytes)


def rank_blocks(
    score_block: ScoreBlock, labels: RankingLabels, block_bytes: int = BLOCK_BYTES
) -> Ranking:
    """Ranks by blocks of scores, so that ``[Q, G]`` never exists as a whole.

    The rank of a match is the number of gallery images with a higher score, counted
    on the CPU. Equal scores are ranked in gallery order: a model
    that gives all images the same feature gets no credit beyond that order.

    Args:
        score_block (ScoreBlock): Called with ``start, stop``; returns the finite
            scores of these queries, ``[stop - start, G]``; they may be overwritten.
        labels (RankingLabels): Identities, cameras and rules.
        block_bytes (int): See :func:`rank_features`.

    Returns:
        Ranking: One row a query.
    """
    num_queries = labels.num_queries
    first_match = np.full(num_queries, -1, dtype=np.int64)
    precision = np.full(num_queries, np.nan)
    penalty = np.full(num_queries, np.nan)
    num_same_camera = 0
    step = max(1, block_bytes // (4 * max(labels.num_gallery, 1)))
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


def feature_scores(
    query: torch.Tensor, gallery: torch.Tensor, metric: str
) -> ScoreBlock:
    """Scores of float32 features, ``[Q, D]`` and ``[G, D]``, block by block.

    Raises:
        ValueError: If the metric is unknown or the features have different lengths.
    """
    if metric not in FEATURE_METRICS:
        raise ValueError(
            f'metric must be one of {FEATURE_METRICS}, but got {metric!r}.'
        )
    if query.shape[1] != gallery.shape[1]:
        raise ValueError(
            f'query features have {query.shape[1]} numbers each, gallery features '
            f'{gallery.shape[1]}.'
        )
    if metric == 'cosine':
        query, gallery = F.normalize(query), F.normalize(gallery)
        return lambda start, stop: query[start:stop] @ gallery.T
    # q.g - |g|^2 / 2 falls as |q - g| grows, and spares a pass over the block.
    half_square = gallery.square().sum(dim=1) / 2
    return lambda start, stop: torch.addmm(
        half_square, query[start:stop], gallery.T, beta=-1
    )


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


def as_features(name: str, features: torch.Tensor | np.ndarray) -> torch.Tensor:
    """Checks features and makes them ``[N, D]`` float32, on the device they are on.

    Raises:
        ValueError: If they are not a matrix, or not finite.
    """
    rows = torch.as_tensor(features)
    if rows.ndim != 2:
        raise ValueError(
            f'{name} features must be [N, D], but have shape {tuple(rows.shape)}.'
        )
    rows = rows.float()
    # The sum is not finite if a number is not, and cheaper to check.
    if not torch.isfinite(rows.sum()):
        wrong = torch.nonzero(~torch.isfinite(rows).all(dim=1)).flatten()
        if len(wrong):
            raise ValueError(
                f'{len(wrong)} of {len(rows)} {name} features are not finite, the '
                f'first is number {int(wrong[0])}.'
            )
    return rows


def _check_shape(num_queries: int, num_gallery: int, labels: RankingLabels) -> None:
    expected = (labels.num_queries, labels.num_gallery)
    if (num_queries, num_gallery) != expected:
        raise ValueError(
            f'there are {num_queries} queries and {num_gallery} gallery images, but '
            f'labels of {expected[0]} and {expected[1]}.'
        )
