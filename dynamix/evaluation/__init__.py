"""Evaluation: CMC, mAP, mINP, query expansion and re-ranking on unseen targets."""

from .query_expansion import expand_queries
from .ranking import Ranking, feature_scores, rank_blocks
from .ranking_labels import RankingLabels
from .re_ranking import k_reciprocal_scores
from .reid_metric import ReIDMetric

__all__ = [
    'Ranking',
    'RankingLabels',
    'ReIDMetric',
    'expand_queries',
    'feature_scores',
    'k_reciprocal_scores',
    'rank_blocks',
]
