from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from mmcv import impad

# Blue, green, red: told apart by brightness too, for those who do not see the hue.
_COLOURS = {None: (140, 140, 140), True: (80, 190, 40), False: (40, 40, 210)}
_QUERY_COLOUR = (30, 30, 30)
_BACKGROUND, _INK = (255, 255, 255), (30, 30, 30)
_FRAME, _GAP, _CAPTION = 3, 6, 16


class RankedImage(NamedTuple):
    """One image of a rank list.

    ``image``: ``[H, W, 3]`` uint8 BGR. ``right``: whether it shows the queried
    person, None where unknown. ``caption``: a few characters below it.
    """

    image: np.ndarray
    right: bool | None = None
    caption: str = ''


def draw_rank_list(
    query: RankedImage, ranked: Sequence[RankedImage], height: int = 160
) -> np.ndarray:
    """Draws a query and, after a gap, what was found for it, best first.

    Args:
        query (RankedImage): Its frame is dark, whatever ``right`` says.
        ranked (Sequence[RankedImage]): Framed green if right, red if wrong, grey if
            unknown.
        height (int): Of each image in pixels; it is half as wide. Defaults to 160.

    Returns:
        np.ndarray: ``[height + 28, W, 3]`` uint8 BGR.

    Raises:
        ValueError: If an image is not ``[H, W, 3]`` uint8.
    """
    cells = [_cell(query, _QUERY_COLOUR, height)]
    cells.append(np.full((len(cells[0]), 2 * _GAP, 3), _BACKGROUND, np.uint8))
    cells += [_cell(found, _COLOURS[found.right], height) for found in ranked]
    return np.concatenate(cells, axis=1)


def draw_rank_sheet(
    rows: Sequence[tuple[RankedImage, Sequence[RankedImage]]], height: int = 160
) -> np.ndarray:
    """Draws one rank list below the other.

    Args:
        rows (Sequence[tuple[RankedImage, Sequence[RankedImage]]]): Queries, each with
            what was found for it; lists may differ in length.
        height (int): See :func:`draw_rank_list`.

    Returns:
        np.ndarray: ``[len(rows) * (height + 28), W, 3]`` uint8 BGR, to be written by
        ``mmcv.imwrite``.

    Raises:
        ValueError: If there are no rows.
    """
    if not rows:
        raise ValueError('a rank sheet needs at least one query.')
    drawn = [draw_rank_list(query, ranked, height) for query, ranked in rows]
    width = max(row.shape[1] for row in drawn)
    return np.concatenate(
        [impad(row, shape=(len(row), width), pad_val=_BACKGROUND) for row in drawn]
    )


def _cell(ranked: RankedImage, colour: tuple[int, ...], height: int) -> np.ndarray:
    image = np.asarray(ranked.image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            'an image to draw must be [H, W, 3] uint8, but it is '
            f'{list(image.shape)} {image.dtype}.'
        )
    width = height // 2
    shrinks = image.shape[0] > height
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    image = cv2.resize(image, (width, height), interpolation=method)
    image = impad(image, padding=_FRAME, pad_val=colour)
    margin = _GAP // 2
    sides = (margin, margin, margin, margin + _CAPTION)
    image = impad(image, padding=sides, pad_val=_BACKGROUND)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.4
    text_width = cv2.getTextSize(ranked.caption, font, scale, 1)[0][0]
    scale *= min(1.0, (image.shape[1] - 4) / max(text_width, 1))
    text_width = cv2.getTextSize(ranked.caption, font, scale, 1)[0][0]
    origin = ((image.shape[1] - text_width) // 2, len(image) - 6)
    return cv2.putText(image, ranked.caption, origin, font, scale, _INK, 1, cv2.LINE_AA)
