"""Pictures: ranked images, curves of logs, relabeled videos, embeddings; a report."""

from .curves import Curve, draw_curves, read_scalars, select_curves
from .embedding_map import draw_embedding_map, embedding_map_page
from .rank_list import RankedImage, draw_rank_sheet
from .relabeling_sheet import draw_relabeling_sheet
from .report_page import render_report

__all__ = [
    'Curve',
    'RankedImage',
    'draw_curves',
    'draw_embedding_map',
    'draw_rank_sheet',
    'draw_relabeling_sheet',
    'embedding_map_page',
    'read_scalars',
    'render_report',
    'select_curves',
]
