"""Relabeling: repairs the labels of single-camera videos during training.

Plain functions on arrays; they know no Runner, no registry and no config.
`docs/relabeling.md` has the rule step by step.
"""

from .bank_files import load_bank, save_bank
from .calibration import Calibration, calibrate
from .density_rule import DensityRule
from .density_scope import relabel_by_density, relabel_by_density_over_ranks
from .feature_bank import FeatureBank
from .global_over_ranks import relabel_globally_over_ranks
from .global_rule import GlobalRule
from .global_scope import relabel_globally
from .guard import Relabeling, conclude, refuse
from .label_scores import score_labels
from .late_write import LateWrite
from .one_process import relabel
from .over_ranks import relabel_over_ranks
from .regrouping import Regrouping, regroup
from .relabel_report import RelabelReport
from .relabel_rule import RelabelRule
from .tracked_images import TrackedImages, check_tracklets
from .video_split import VideoSplit

__all__ = [
    'Calibration',
    'DensityRule',
    'FeatureBank',
    'GlobalRule',
    'LateWrite',
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
    'refuse',
    'regroup',
    'relabel',
    'relabel_by_density',
    'relabel_by_density_over_ranks',
    'relabel_globally',
    'relabel_globally_over_ranks',
    'relabel_over_ranks',
    'save_bank',
    'score_labels',
]
