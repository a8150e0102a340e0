"""Pictures: ranked images of queries, curves of logs."""

from .curves import Curve, plot_curves, read_scalars, select_curves
from .rank_list import RankedImage, draw_rank_sheet

__all__ = [
    'Curve',
    'RankedImage',
    'draw_rank_sheet',
    'plot_curves',
    'read_scalars',
    'select_curves',
]
