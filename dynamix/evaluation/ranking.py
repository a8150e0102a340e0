from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass

import numpy as np
import torch
import torch.nn.functional as F

from .ranking_labels import JUNK, RankingLabels

ScoreBlock = Callable[[int, int], torch.Tensor]
"""Takes ``start, stop``; returns ``[stop - start, G]`` scores, higher is nearer."""

BLOCK_BYTES = 16 * 2**20
JUNK_QUERY = 'junk'
SAME_CAMERA = 'seen by no other camera'
NO_MATCH = 'not in the gallery'
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
        dropped (np.ndarray): ``[Q]`` str, why a query is dropped: ``JUNK_QUERY``,
            ``SAME_CAMERA`` (all its matches stand under its own camera) or
            ``NO_MATCH`` (the gallery has no image of its identity, or only the query
            image itself). Empty if it is not.
        nearest (np.ndarray): ``[Q, k]`` int64, gallery columns of the highest scores
            but those that the rules leave out; -1 where there are no more.
    """

    first_match: np.ndarray
    average_precision: np.ndarray
    inverse_penalty: np.ndarray
    dropped: np.ndarray
    nearest: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """``[Q]`` bool, which queries have a match."""
        return self.first_match >= 0

    def nearest_of(
        self, query: int, labels: RankingLabels
    ) -> tuple[np.ndarray, np.ndarray]:
        """``[m]`` columns listed for a query, nearest first, and which are matches."""
        columns = self.nearest[query][self.nearest[query] >= 0]
        is_match = labels.gallery_identity[columns] == labels.query_identity[query]
        return columns, is_match

    def scores(self, topk: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
        """``Rank-k`` (CMC) for each k, ``mAP`` and ``mINP``, in 0..1."""
        first = self.first_match[self.valid]
        return {
            **{f'Rank-{k}': float((first < k).mean()) for k in topk},
            'mAP': float(self.average_precision[self.valid].mean()),
            'mINP': float(self.inverse_penalty[self.valid].mean()),
        }


def rank_blocks(
    score_block: ScoreBlock, labels: RankingLabels, topk: int = 0
) -> Ranking:
    """Ranks by blocks of scores, so that ``[Q, G]`` never exists as a whole.

    The rank of a match is the number of gallery images with a higher score, counted
    on the CPU. Equal scores are ranked in gallery order: a model that gives all images
    the same feature gets no credit beyond that order.

    Args:
        score_block (ScoreBlock): Called with ``start, stop``; returns the finite
            scores of these queries, ``[stop - start, G]``; they may be overwritten.
        labels (RankingLabels): Identities, cameras and rules.
        topk (int): Gallery images to list for each query. Defaults to 0.

    Returns:
        Ranking: One row a query.
    """
    return join_rankings(
        [rank_block(score_block, labels, block, topk) for block in query_blocks(labels)]
    )


def query_blocks(labels: RankingLabels) -> list[range]:
    """Queries of each block, whose scores take 16 MiB."""
    step = max(1, BLOCK_BYTES // (4 * max(labels.num_gallery, 1)))
    queries = range(labels.num_queries)
    return [queries[start : start + step] for start in queries[::step] or [0]]


def rank_block(
    score_block: ScoreBlock, labels: RankingLabels, block: range, topk: int
) -> Ranking:
    """Ranks some of the queries; see :func:`rank_blocks`."""
    size = len(block)
    row, column, is_match, itself = labels.pairs(block.start, block.stop)
    score = score_block(block.start, block.stop).cpu().numpy()
    score[:, labels.junk_columns] = -np.inf
    score[row[~is_match], column[~is_match]] = -np.inf
    matches = np.bincount(row[is_match], minlength=size)
    others = np.bincount(row[~is_match & ~itself], minlength=size)
    is_junk = labels.query_identity[block.start : block.stop] == JUNK
    dropped = np.select(
        [is_junk, matches > 0, others > 0], [JUNK_QUERY, '', SAME_CAMERA], NO_MATCH
    )
    first_match = np.full(size, -1)
    precision, penalty = np.full((2, size), np.nan)
    if is_match.any():
        row, column = row[is_match], column[is_match]
        rank = _match_ranks(score, row, column)
        rank = rank[np.lexsort((rank, row))]
        valid = np.flatnonzero(matches)
        begin = (np.cumsum(matches) - matches)[row]
        nth = np.arange(1, len(row) + 1) - begin
        summed = np.bincount(row, nth / (rank + 1), minlength=size)
        end = np.cumsum(matches)[valid]
        first_match[valid] = rank[end - matches[valid]]
        precision[valid] = summed[valid] / matches[valid]
        penalty[valid] = matches[valid] / (rank[end - 1] + 1)
    return Ranking(first_match, precision, penalty, dropped, _nearest(score, topk))


def join_rankings(parts: Sequence[Ranking]) -> Ranking:
    """Joins the rankings of blocks, in their order."""
    return Ranking(*map(np.concatenate, zip(*map(astuple, parts))))


def _match_ranks(score: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """``[P]`` 0-based ranks of entries in their rows, which rise; ties by column.

    Only the scores that reach the row's lowest match are sorted, few once a model has
    learnt something; where they are most of the row, it costs less to sort all.
    """
    rank, equal = np.empty((2, len(row)), np.int64)
    value = score[row, column]
    rows, begin = np.unique(row, return_index=True)
    end = np.append(begin[1:], len(row))
    lowest = np.minimum.reduceat(value, begin)

    def rank_rows(first: int) -> None:
        for i in range(first, len(rows), threads):
            part = slice(begin[i], end[i])
            scores = score[rows[i]]
            reaches = scores >= lowest[i]
            most = 2 * np.count_nonzero(reaches) > len(scores)
            # 3 to 6 times as fast as scores[reaches], unless these are few
            reached = np.sort(scores if most else scores.compress(reaches))
            up_to = reached.searchsorted(value[part], side='right')
            rank[part] = len(reached) - up_to
            equal[part] = up_to - reached.searchsorted(value[part])

    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(rank_rows, range(threads)))
    for tied in np.flatnonzero(equal > 1):
        earlier = score[row[tied], : column[tied]] == value[tied]
        rank[tied] += np.count_nonzero(earlier)
    return rank


def _nearest(score: np.ndarray, topk: int) -> np.ndarray:
    """``[B, topk]`` columns of the highest finite scores; -1: no more."""
    columns = np.full((len(score), topk), -1)
    if topk:
        for row, scores in zip(columns, score):
            k = min(topk, len(scores))
            reached = np.partition(scores, -k)[-k]
            near = np.flatnonzero((scores >= reached) & (scores > -np.inf))
            near = near[np.argsort(-scores[near], kind='stable')][:k]
            row[: len(near)] = near
    return columns


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
