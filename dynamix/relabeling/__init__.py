"""Relabeling: who is who in single-camera videos, found anew while training goes on.

Plain functions on arrays; they know no Runner and no registry.
"""

from .calibrate import Calibration, calibrate
from .feature_bank import FeatureBank
from .label_scores import score_labels
from .regroup import Regrouping, regroup
from .relabel import Relabeling, relabel
from .relabel_report import RelabelReport
from .relabel_rule import RelabelRule
from .tracked_images import TrackedImages

__all__ = [
    'Calibration',
    'FeatureBank',
    'Regrouping',
    'RelabelReport',
    'RelabelRule',
    'Relabeling',
    'TrackedImages',
    'calibrate',
    'regroup',
    'relabel',
    'score_labels',
]
