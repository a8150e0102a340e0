"""Relabeling: who is who in single-camera videos, found anew while training goes on.

Plain functions on arrays; they know no Runner and no registry.
"""

from .bank_files import load_bank, save_bank
from .calibrate import Calibration, calibrate
from .conclude import Relabeling, conclude
from .feature_bank import FeatureBank
from .label_scores import score_labels
from .over_ranks import relabel_over_ranks
from .regroup import Regrouping, regroup
from .relabel import relabel
from .relabel_report import RelabelReport
from .relabel_rule import RelabelRule
from .tracked_images import TrackedImages, check_tracklets
from .video_split import VideoSplit

__all__ = [
    'Calibration',
    'FeatureBank',
    'Regrouping',
    'RelabelReport',
    'RelabelRule',
    'Relabeling',
    'TrackedImages',
    'VideoSplit',
    'calibrate',
    'check_tracklets',
    'conclude',
    'load_bank',
    'regroup',
    'relabel',
    'relabel_over_ranks',
    'save_bank',
    'score_labels',
]
