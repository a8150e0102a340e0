from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

import numpy as np
import torch
from mmengine.dist import (
    all_gather_object,
    get_rank,
    get_world_size,
    is_main_process,
)
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from dynamix.collectives import on_every_rank
from dynamix.config_checks import check_keys, check_whole
from dynamix.registry import METRICS

from .per_query import TOPK, query_rows, write_query_rows
from .query_expansion import check_expansion, expand_queries
from .ranking import (
    Ranking,
    ScoreBlock,
    count_copies,
    feature_scores,
    join_rankings,
    query_blocks,
    rank_block,
)
from .ranking_labels import RankingLabels
from .re_ranking import check_options, k_reciprocal_scores
from .report import copies_line, dropped_line, no_valid_query_message, score_table
from .target_images import TargetImages

_NEEDED = (
    'feature',
    'target',
    'identity',
    'camera',
    'image_index',
    'query_splits',
    'gallery_splits',
    'img_path',
)


@METRICS.register_module()
class ReIDMetric(BaseMetric):
    """CMC Rank-k, mAP and mINP of one or more unseen data sets (targets).

    Single query; the rules of who matches whom are those of
    :class:`~dynamix.evaluation.RankingLabels`. Images are grouped by the ``target``
    they name; a target with several splits is averaged over them. The result has the
    keys ``<target>/Rank-1``, ``<target>/mAP``, ``<target>/mINP``, ... and the same
    under ``average/``, the plain mean over targets, which is there for a single
    target too. All values are in 0..100.

    A table of the scores is logged, and for each target how many queries were dropped
    and why. An image that arrives more than once, as padding of a distributed sampler,
    counts once: images are told apart by ``target`` and ``image_index``. Images of
    ``image_index`` -1 could not be read; they are left out and counted.

    Of several ranks each ranks a share of the queries, and all have the same scores as
    one rank alone. Each holds all features and needs about five times their size at
    the peak: 4 GB for 100 000 of 2 048 numbers.

    Args:
        topk (Sequence[int]): Ranks of the CMC to report. Defaults to (1, 5, 10).
        camera_aware (bool): Whether a match must come from another camera than the
            query. Set False for data without cameras. Defaults to True.
        rerank (dict, optional): Arguments ``k1``, ``k2``, ``lambda_value`` of
            :func:`~dynamix.evaluation.k_reciprocal_scores` to rank by; None for the
            cosine of features. Defaults to None.
        query_expansion (dict, optional): Arguments ``topk``, ``alpha`` of
            :func:`~dynamix.evaluation.expand_queries`; the expanded queries are then
            ranked, or re-ranked. Defaults to None.
        per_query (str, optional): CSV file for the results of each query; see
            :func:`~dynamix.evaluation.per_query.query_rows`. Defaults to None.
        prefix (str, optional): Stands before the names of all scores. Defaults to
            None.

    Raises:
        ValueError: If an option is wrong; on evaluation, if a feature is not finite or
            a target has no query, no gallery or no query with a match. In a
            distributed run an error of one rank is raised on all.
        TypeError: If there is no such option.
    """

    default_prefix = ''

    def __init__(
        self,
        topk: Sequence[int] = (1, 5, 10),
        camera_aware: bool = True,
        rerank: dict[str, Any] | None = None,
        query_expansion: dict[str, Any] | None = None,
        per_query: str | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        if not isinstance(topk, Sequence):
            raise ValueError(f'ReIDMetric.topk must list ranks, but got {topk!r}.')
        for k in topk:
            check_whole('ReIDMetric.topk', k, 1)
        self.topk = tuple(topk)
        self.camera_aware = camera_aware
        self.rerank = rerank
        if rerank is not None:
            check_keys('ReIDMetric.rerank', rerank, ('k1', 'k2', 'lambda_value'))
            check_options(**rerank)
        self.query_expansion = query_expansion
        if query_expansion is not None:
            check_keys('ReIDMetric.query_expansion', query_expansion, ('topk', 'alpha'))
            check_expansion(**query_expansion)
        self.per_query = per_query

    @BaseMetric.dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict[str, Any] | None) -> None:
        # set when the evaluator is built, before the first iteration
        problems = (dataset_meta or {}).get('camera_problems')
        if self.camera_aware and problems:
            raise ValueError('\n'.join(problems))
        self._dataset_meta = dataset_meta

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keeps features (float32, on the CPU) and meta information of a batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): :class:`~dynamix.structures.ReIDDataSample`
                as dictionaries, with ``feature`` and the meta information of an
                evaluation data set.

        Raises:
            KeyError: If they lack one of these.
        """
        missing = [key for key in _NEEDED if key not in data_samples[0]]
        if missing:
            raise KeyError(
                f'data samples lack {", ".join(missing)}: ReIDMetric needs those of '
                'an evaluation data set and a model that sets `feature`.'
            )
        features = torch.stack([sample['feature'] for sample in data_samples])
        for sample, feature in zip(data_samples, features.float().cpu().numpy()):
            kept = {key: sample[key] for key in _NEEDED}
            self.results.append({**kept, 'feature': feature})

    def evaluate(self, size: int) -> dict[str, float]:
        """Scores of all images from all ranks; the same on each rank.

        Args:
            size (int): Not used; padding is found by the images themselves, whatever
                the sampler's order.
        """
        try:
            of_ranks = all_gather_object(self.results)
            scores = self.compute_metrics([*chain.from_iterable(of_ranks)])
        finally:
            self.results.clear()
        prefix = f'{self.prefix}/' if self.prefix else ''
        return {prefix + key: value for key, value in scores.items()}

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Scores of the images of all ranks. Every rank must call it.

        Args:
            results (list[dict]): What :meth:`process` kept, on all ranks.

        Returns:
            dict[str, float]: Values in 0..100.
        """
        rows: list[dict[str, Any]] = []
        scores = {
            target.name: self._score(target, rows)
            for target in TargetImages.group(results)
        }
        scores['average'] = {
            key: float(np.mean([row[key] for row in scores.values()]))
            for key in next(iter(scores.values()))
        }
        print_log('\n' + score_table(scores), logger='current')
        if path := self.per_query:
            on_every_rank(
                lambda: write_query_rows(path, rows) if is_main_process() else None,
                f'writing {path}',
            )
        return {
            f'{target}/{key}': value
            for target, row in scores.items()
            for key, value in row.items()
        }

    def _score(
        self, target: TargetImages, rows: list[dict[str, Any]]
    ) -> dict[str, float]:
        """Scores of a target; extends ``rows`` for ``per_query``."""
        rankings, copies = [], 0
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
        features = torch.from_numpy(target.feature).to(device)
        for split, (query, gallery) in target.splits().items():
            labels = self.labels(target, query, gallery)
            sides = features[query], features[gallery]
            ranking = self._rank(*sides, labels, target.name)
            if not ranking.valid.any():
                raise ValueError(no_valid_query_message(target.name, split, ranking))
            rankings.append((ranking, labels))
            copies = max(copies, count_copies(*sides, labels))
            if self.per_query:
                rows += query_rows(target, split, query, gallery, labels, ranking)
        print_log(
            dropped_line(target.name, rankings, target.num_unreadable),
            logger='current',
        )
        if copies:
            print_log(copies_line(target.name, copies), 'current', logging.WARNING)
        of_splits = [ranking.scores(self.topk) for ranking, _ in rankings]
        return {
            key: 100 * float(np.mean([scores[key] for scores in of_splits]))
            for key in of_splits[0]
        }

    def _rank(
        self,
        query: torch.Tensor,
        gallery: torch.Tensor,
        labels: RankingLabels,
        name: str,
    ) -> Ranking:
        """Ranks a share of the blocks on each rank; the same result on all."""
        blocks = query_blocks(labels)
        topk = TOPK if self.per_query else 0

        def own_share() -> list[Ranking]:
            scores = self.score_block(query, gallery)
            return [
                rank_block(scores, labels, block, topk)
                for block in blocks[get_rank() :: get_world_size()]
            ]

        own = on_every_rank(own_share, f"ranking target '{name}'")
        turns = zip_longest(*all_gather_object(own))
        return join_rankings([part for turn in turns for part in turn if part])

    def labels(
        self, target: TargetImages, query: np.ndarray, gallery: np.ndarray
    ) -> RankingLabels:
        """Who matches whom in a split, by the rules of this metric.

        Args:
            target (TargetImages): The images.
            query (np.ndarray): Rows of the queries.
            gallery (np.ndarray): Rows of the gallery.
        """
        return RankingLabels(
            target.identity[query],
            target.identity[gallery],
            target.camera[query] if self.camera_aware else None,
            target.camera[gallery] if self.camera_aware else None,
            target.image_index[query],
            target.image_index[gallery],
        )

    def score_block(self, query: torch.Tensor, gallery: torch.Tensor) -> ScoreBlock:
        """What this metric ranks by; see :func:`~dynamix.evaluation.rank_blocks`.

        Args:
            query (torch.Tensor): ``[Q, D]`` features of the queries.
            gallery (torch.Tensor): ``[G, D]`` features of the gallery.
        """
        if self.query_expansion is not None:
            query = expand_queries(query, gallery, **self.query_expansion)
        if self.rerank is None:
            return feature_scores(query, gallery)
        return k_reciprocal_scores(query, gallery, **self.rerank)
