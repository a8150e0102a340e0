"""Relabeling: who is who in single-camera videos, found anew while training goes on.

Plain functions on arrays; they know no Runner and no registry.
"""

from .feature_bank import FeatureBank
from .label_scores import score_labels
from .relabel import Relabeling, relabel
from .relabel_report import RelabelReport
from .relabel_rule import RelabelRule

__all__ = [
    'FeatureBank',
    'RelabelReport',
    'RelabelRule',
    'Relabeling',
    'relabel',
    'score_labels',
]
