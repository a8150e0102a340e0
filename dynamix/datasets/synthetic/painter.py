from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import cv2
import numpy as np

from .domain_style import Colour
from .pose import Point

_SHIFT = 4
_CIRCLE = tuple(
    (float(np.cos(t)), float(np.sin(t))) for t in np.arange(12) * (np.pi / 6)
)


class Painter:
    """Collects convex polygons and draws them in one go, first ones below.

    Points and colours are gathered in lists, so that camera geometry and colour
    response are applied to all of them by a few array operations.
    """

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._ends: list[int] = []
        self._colours: list[Colour] = []

    def polygon(
        self, points: Sequence[Point], colour: Colour, shade: float = 1.0
    ) -> None:
        """Adds a filled convex polygon; ``shade`` is a factor on the colour."""
        self._points.extend(points)
        self._ends.append(len(self._points))
        if shade != 1.0:
            colour = (colour[0] * shade, colour[1] * shade, colour[2] * shade)
        self._colours.append(colour)

    def trapezoid(
        self,
        top: tuple[float, float, float],
        bottom: tuple[float, float, float],
        colour: Colour,
        shade: float = 1.0,
    ) -> None:
        """Adds a shape with a level top and bottom, each ``(y, left, right)``."""
        (y0, left0, right0), (y1, left1, right1) = top, bottom
        corners = ((left0, y0), (right0, y0), (right1, y1), (left1, y1))
        self.polygon(corners, colour, shade)

    def ellipse(
        self,
        centre: Point,
        radius: Point,
        colour: Colour,
        shade: float = 1.0,
        part: slice = slice(None),
    ) -> None:
        """Adds an ellipse as a polygon of 12 corners, or a part of it.

        ``slice(7)`` of the corners is the upper half.
        """
        x, y = centre
        a, b = radius
        corners = [(x + a * cos, y + b * sin) for cos, sin in _CIRCLE[part]]
        self.polygon(corners, colour, shade)

    def limb(
        self,
        start: Point,
        end: Point,
        widths: Point,
        colour: Colour,
        shade: float = 1.0,
    ) -> None:
        """Adds a tapered stroke with blunt corners, ``widths`` to each side of it."""
        (x0, y0), (x1, y1), (r0, r1) = start, end, widths
        dx, dy = x1 - x0, y1 - y0
        scale = 1.0 / ((dx * dx + dy * dy) ** 0.5 + 1e-6)
        dx, dy = dx * scale, dy * scale
        self.polygon(
            (
                (x0 - dy * r0, y0 + dx * r0),
                (x0 - dx * r0 * 0.7, y0 - dy * r0 * 0.7),
                (x0 + dy * r0, y0 - dx * r0),
                (x1 + dy * r1, y1 - dx * r1),
                (x1 + dx * r1 * 0.7, y1 + dy * r1 * 0.7),
                (x1 - dy * r1, y1 + dx * r1),
            ),
            colour,
            shade,
        )

    def draw(
        self,
        image: np.ndarray,
        points: np.ndarray,
        colours: np.ndarray,
        outline: float,
    ) -> None:
        """Fills the polygons, in place.

        Args:
            image (np.ndarray): ``[h, w, 3]`` uint8.
            points (np.ndarray): ``[p, 2]`` :meth:`points` in pixels.
            colours (np.ndarray): ``[n, 3]`` :meth:`colours` as the camera sees them.
            outline (float): 0 none, else how dark the outlines are.
        """
        corners = np.rint(points * (1 << _SHIFT)).astype(np.int32)
        begin = 0
        for end, colour in zip(self._ends, colours.tolist()):
            polygon = corners[begin:end]
            cv2.fillConvexPoly(image, polygon, colour, cv2.LINE_AA, _SHIFT)
            if outline and end - begin > 3:
                dark = [c * (1.0 - outline) for c in colour]
                cv2.polylines(image, [polygon], True, dark, 1, cv2.LINE_AA, _SHIFT)
            begin = end

    def points(self) -> np.ndarray:
        """``[p, 2]`` float64 corners of all polygons, in person coordinates."""
        flat = chain.from_iterable(self._points)
        return np.fromiter(flat, float, 2 * len(self._points)).reshape(-1, 2)

    def colours(self) -> np.ndarray:
        """``[n, 3]`` float64 colours of the polygons, BGR in 0..255."""
        flat = chain.from_iterable(self._colours)
        return np.fromiter(flat, float, 3 * len(self._colours)).reshape(-1, 3)
