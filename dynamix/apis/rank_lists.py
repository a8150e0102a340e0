"""Rank lists of a target: queries, and what a model finds for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator

from dynamix.evaluation import ReIDMetric, rank_blocks
from dynamix.evaluation.target_images import TargetImages
from dynamix.visualization import RankedImage

RankList = tuple[RankedImage, Sequence[RankedImage]]
ORDERS = ('random', 'worst', 'best')


def find_metric(cfg: Config) -> ReIDMetric:
    """Builds the ``ReIDMetric`` of a config's ``test_evaluator``.

    Raises:
        ValueError: If it has none.
    """
    for metric in Evaluator(cfg.test_evaluator).metrics:
        if isinstance(metric, ReIDMetric):
            return metric
    raise ValueError(f'test_evaluator has no ReIDMetric but {cfg.test_evaluator}')


def rank_lists(
    target: TargetImages,
    read_image: Callable[[int], np.ndarray],
    metric: ReIDMetric,
    order: str = 'random',
    queries: int = 8,
    topk: int = 10,
) -> list[RankList]:
    """Rank lists of some queries of a target's first split.

    Args:
        target (TargetImages): Its images with their features.
        read_image (Callable): Gives the image of a number of ``target.image_index``.
        metric (ReIDMetric): Says how to rank.
        order (str): Which queries: ``'random'`` ones, or those of the ``'worst'`` or
            ``'best'`` average precision. Defaults to ``'random'``.
        queries (int): How many at most. Defaults to 8.
        topk (int): Images of each. Defaults to 10.

    Returns:
        list[RankList]: Rows of :func:`~dynamix.visualization.draw_rank_sheet`, with
        identity, camera and score below each image.

    Raises:
        ValueError: If no query has a match.
    """
    query, gallery = target.splits()[0]
    labels = metric.labels(target, query, gallery)
    features = torch.from_numpy(target.feature)
    score_of = metric.score_block(features[query], features[gallery])
    ranking = rank_blocks(score_of, labels, topk)
    precision = ranking.average_precision
    chosen = np.flatnonzero(ranking.valid)
    if len(chosen) == 0:
        raise ValueError(f"no query of target '{target.name}' has a match")
    if order == 'random':
        chosen = np.random.default_rng(0).permutation(chosen)
    else:
        chosen = chosen[np.argsort(precision[chosen], kind='stable')]
        chosen = chosen[::-1] if order == 'best' else chosen

    def drawn(row: int, right: bool | None = None, score: str = '') -> RankedImage:
        who = f'{target.identity[row]} c{target.camera[row]}{score}'
        return RankedImage(read_image(int(target.image_index[row])), right, who)

    lists: list[RankList] = []
    for q in chosen[:queries].tolist():
        scores = score_of(q, q + 1)[0]
        columns = ranking.nearest[q][ranking.nearest[q] >= 0]
        right = labels.gallery_identity[columns] == labels.query_identity[q]
        found = [
            drawn(gallery[column], bool(is_right), f' {scores[column]:.2f}')
            for column, is_right in zip(columns, right)
        ]
        lists.append((drawn(query[q]), found))
    return lists
