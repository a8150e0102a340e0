"""Rank lists of a target: queries, and what a model finds for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from torch.utils.data import Subset

from dynamix.datasets import TargetDataset
from dynamix.evaluation import ReIDMetric, rank_blocks
from dynamix.evaluation.target_images import TargetImages
from dynamix.visualization import RankedImage

from .reid_inferencer import ReIDInferencer

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


def embed_target(
    inferencer: ReIDInferencer,
    dataset: TargetDataset,
    name: str | None = None,
    **loading: Any,
) -> TargetImages:
    """Embeds one of several targets and shows how far it is.

    Args:
        inferencer (ReIDInferencer): The model.
        dataset (TargetDataset): Has the target.
        name (str, optional): The target. Defaults to None: the first one.
        **loading: ``batch_size`` and ``num_workers``.

    Raises:
        ValueError: If there is no such target.
        FileNotFoundError: If its images are missing.
    """
    dataset.full_init()
    names = [reader.name for reader in dataset.datasets]
    name = name or names[0]
    if name not in names:
        raise ValueError(f"there is no target '{name}' but {', '.join(sorted(names))}")
    number = names.index(name)
    start = sum(map(len, dataset.datasets[:number]))
    rows = range(start, start + len(dataset.datasets[number]))
    print(f'embedding the images of {name}')
    samples = inferencer.predict(Subset(dataset, rows), **loading, progress=True)
    records = [{**s.to_dict(), 'feature': s.feature.numpy()} for s in samples]
    return TargetImages(name, records)


def rank_lists(
    target: TargetImages,
    read_image: Callable[[int], np.ndarray],
    metric: ReIDMetric,
    order: str,
    queries: int,
    topk: int = 10,
) -> list[RankList]:
    """Rank lists of some queries of a target's first split.

    Args:
        target (TargetImages): Its images with their features.
        read_image (Callable): Gives the image of a number of ``target.image_index``.
        metric (ReIDMetric): Says how to rank.
        order (str): Which queries: ``'random'`` ones, or those of the ``'worst'`` or
            ``'best'`` average precision.
        queries (int): How many at most.
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
        columns, right = ranking.nearest_of(q, labels)
        found = [
            drawn(gallery[column], bool(is_right), f' {scores[column]:.2f}')
            for column, is_right in zip(columns, right)
        ]
        lists.append((drawn(query[q]), found))
    return lists
