"""Evaluation: CMC, mAP, mINP and k-reciprocal re-ranking on unseen targets."""

from .ranked_images import ranked_images
from .ranking import Ranking, feature_scores, rank_blocks
from .ranking_labels import RankingLabels
from .re_ranking import k_reciprocal_scores
from .reid_metric import ReIDMetric

__all__ = [
    'Ranking',
    'RankingLabels',
    'ReIDMetric',
    'feature_scores',
    'k_reciprocal_scores',
    'rank_blocks',
    'ranked_images',
]
