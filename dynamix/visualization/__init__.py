"""Pictures: ranked images, curves of logs, relabeled videos."""

from .curves import Curve, plot_curves, read_scalars, select_curves
from .rank_list import RankedImage, draw_rank_sheet
from .relabeling_sheet import draw_relabeling_sheet

__all__ = [
    'Curve',
    'RankedImage',
    'draw_rank_sheet',
    'draw_relabeling_sheet',
    'plot_curves',
    'read_scalars',
    'select_curves',
]
