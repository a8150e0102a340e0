from __future__ import annotations

import numpy as np

from .ranking import ScoreBlock
from .ranking_labels import RankingLabels


def ranked_images(
    score_block: ScoreBlock, labels: RankingLabels, query: int, topk: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """The first gallery images of a query's ranking.

    The ranking is the one that is scored: images that the rules leave out are not
    there, and equal scores stand in gallery order.

    Args:
        score_block (ScoreBlock): See :func:`~dynamix.evaluation.rank_blocks`.
        labels (RankingLabels): Identities, cameras and rules.
        query (int): Row of the query.
        topk (int): How many at most. Defaults to 10.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``[k]`` int64 columns, nearest first, and
        ``[k]`` bool, whether each is a match.
    """
    score = score_block(query, query + 1)[0].cpu().numpy()
    _, columns, is_match, _ = labels.pairs(query, query + 1)
    left_out = np.zeros(labels.num_gallery, bool)
    left_out[labels.junk_columns] = True
    left_out[columns[~is_match]] = True
    score = np.where(left_out, -np.inf, score)
    reached = np.partition(score, -topk)[-topk] if topk < len(score) else -np.inf
    near = np.flatnonzero((score >= reached) & ~left_out)
    order = near[np.argsort(-score[near], kind='stable')][:topk]
    return order, np.isin(order, columns[is_match])
