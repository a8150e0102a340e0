from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from mmcv import impad

# Blue, green, red: told apart by brightness too, for those who do not see the hue.
_COLOURS = {None: (30, 30, 30), True: (80, 190, 40), False: (40, 40, 210)}
_BACKGROUND, _INK = (255, 255, 255), (30, 30, 30)
_HEIGHT, _FRAME, _GAP, _CAPTION = 160, 3, 6, 16


class RankedImage(NamedTuple):
    """One image of a rank list.

    ``image``: ``[H, W, 3]`` uint8 BGR. ``right``: whether it shows the queried
    person, None for the query itself. ``caption``: a few characters below it.
    """

    image: np.ndarray
    right: bool | None = None
    caption: str = ''


def draw_rank_sheet(
    rows: Sequence[tuple[RankedImage, Sequence[RankedImage]]],
) -> np.ndarray:
    """Draws a row for each query: the query, a gap, and what was found, best first.

    Images are 160 pixels high and half as wide. The frame of a query is dark, the
    others are green if right, red if wrong.

    Args:
        rows (Sequence[tuple[RankedImage, Sequence[RankedImage]]]): Queries, each with
            what was found for it; lists may differ in length.

    Returns:
        np.ndarray: ``[188 * len(rows), W, 3]`` uint8 BGR, to be written by
        ``mmcv.imwrite``.
    """
    drawn = []
    for query, ranked in rows:
        cells = [_cell(query), *map(_cell, ranked)]
        gap = np.full((len(cells[0]), 2 * _GAP, 3), _BACKGROUND, np.uint8)
        drawn.append(np.concatenate([cells[0], gap, *cells[1:]], axis=1))
    width = max(row.shape[1] for row in drawn)
    return np.concatenate(
        [impad(row, shape=(len(row), width), pad_val=_BACKGROUND) for row in drawn]
    )


def _cell(ranked: RankedImage) -> np.ndarray:
    shrinks = ranked.image.shape[0] > _HEIGHT
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    size = (_HEIGHT // 2, _HEIGHT)
    image = cv2.resize(ranked.image, size, interpolation=method)
    image = impad(image, padding=_FRAME, pad_val=_COLOURS[ranked.right])
    margin = _GAP // 2
    sides = (margin, margin, margin, margin + _CAPTION)
    image = impad(image, padding=sides, pad_val=_BACKGROUND)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.4
    text_width = cv2.getTextSize(ranked.caption, font, scale, 1)[0][0]
    scale *= min(1.0, (image.shape[1] - 4) / max(text_width, 1))
    text_width = cv2.getTextSize(ranked.caption, font, scale, 1)[0][0]
    origin = ((image.shape[1] - text_width) // 2, len(image) - 6)
    return cv2.putText(image, ranked.caption, origin, font, scale, _INK, 1, cv2.LINE_AA)
