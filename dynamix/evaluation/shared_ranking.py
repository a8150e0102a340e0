"""Ranking among ranks: each does a share of the queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from itertools import chain, zip_longest
from typing import Any

import numpy as np
from mmengine.dist import all_gather_object, get_rank, get_world_size

from dynamix.collectives import gather_rows, on_every_rank

from . import ranking
from .ranked_images import ranked_images
from .ranking import Ranking, ScoreBlock, rank_blocks
from .ranking_labels import RankingLabels

TopImages = list[tuple[np.ndarray, np.ndarray]]
"""What :func:`ranked_images` finds, one a query."""


def gather_records(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the records of all ranks; ``feature`` travels as an array.

    Every rank must call it. Each then holds all features.

    Args:
        records (list[dict]): Of this rank, with ``feature``, which is taken out.
    """
    if get_world_size() == 1:
        return records
    own = [record.pop('feature') for record in records]
    features = gather_rows(np.stack(own) if own else np.empty(0, np.float32))
    others = chain.from_iterable(all_gather_object(records))
    return [{**record, 'feature': row} for record, row in zip(others, features)]


def rank_among_ranks(
    make_scores: Callable[[], ScoreBlock],
    labels: RankingLabels,
    what: str,
    topk: int = 0,
) -> tuple[Ranking, TopImages]:
    """Ranks as :func:`rank_blocks` does, a share of the queries on each rank.

    Every rank must call it, with the same features and labels. The queries are dealt
    out in blocks that do not depend on the number of ranks, so results do not, either.

    Args:
        make_scores (Callable): Returns the scores to rank by, of all queries.
        labels (RankingLabels): Identities, cameras and rules.
        what (str): Names the work if it fails.
        topk (int): Gallery images to list for each query. Defaults to 0: no list.

    Returns:
        tuple[Ranking, TopImages]: One row a query, the same on all ranks; the list is
        empty if ``topk`` is 0.

    Raises:
        RuntimeError: If another rank fails, with its message; its own error, if this
            one does.
    """
    step = max(1, ranking.BLOCK_BYTES // (4 * labels.num_gallery))

    def own_share() -> list[tuple[Ranking, TopImages]]:
        scores = make_scores()
        starts = range(0, labels.num_queries, step)
        return [
            _rank_block(scores, labels.part(start, start + step), start, topk)
            for start in starts[get_rank() :: get_world_size()]
        ]

    shares = on_every_rank(own_share, all_gather_object, what)
    blocks = [block for turn in zip_longest(*shares) for block in turn if block]
    columns: list[Any] = [
        np.concatenate(parts) if isinstance(parts[0], np.ndarray) else sum(parts)
        for parts in zip(*(astuple(found) for found, _ in blocks))
    ]
    return Ranking(*columns), [top for _, of_block in blocks for top in of_block]


def _rank_block(
    score_block: ScoreBlock, labels: RankingLabels, first: int, topk: int
) -> tuple[Ranking, TopImages]:
    """Ranks a block of queries, of which the first has the number ``first``."""
    if not topk:
        return rank_blocks(lambda i, j: score_block(first + i, first + j), labels), []
    # once, so that list and ranking agree to the last bit
    scores = score_block(first, first + labels.num_queries)
    top = [
        ranked_images(lambda i, j: scores[i:j], labels, query, topk)
        for query in range(labels.num_queries)
    ]
    return rank_blocks(lambda i, j: scores[i:j], labels), top
