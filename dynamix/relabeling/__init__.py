"""Relabeling: repairs tracker labels of single-camera videos.

Plain functions on arrays. `docs/relabeling.md` describes the rule and what each of its
steps gains.
"""

from .dbscan import relabel_by_density
from .label_scores import score_labels
from .relabel import relabel
from .report import Decisions, Relabeling, RelabelReport, VideoDecisions

__all__ = [
    'Decisions',
    'RelabelReport',
    'Relabeling',
    'VideoDecisions',
    'relabel',
    'relabel_by_density',
    'score_labels',
]
