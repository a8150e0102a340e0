"""Head, hair and hats."""

from __future__ import annotations

from .appearance import Appearance
from .domain_style import Colour
from .painter import Painter
from .pose import Point, Pose


def paint_head(painter: Painter, person: Appearance, pose: Pose) -> None:
    """Adds head, hair and hat, as seen from the pose's side."""
    high = person.head * 0.53
    wide = high * (0.74 + 0.1 * abs(pose.sin))
    x, y = pose.lean * 1.5 + 0.025 * pose.sin, 0.985 - high
    hair, colour = person.hair, person.hair_colour
    back = -0.5 * wide * pose.sin
    if hair in ('long', 'bob'):
        low = y - high * (2.5 if hair == 'long' else 1.35)
        half = wide * (1.12 - 0.2 * abs(pose.sin))
        painter.trapezoid(
            (y + 0.3 * high, x + back - half, x + back + half),
            (low, x + back - half * 0.95, x + back + half * 0.95),
            colour,
            0.9,
        )
    elif hair == 'bun':
        painter.ellipse((x + 2.4 * back, y + 0.55 * high), (0.03, 0.03), colour)
    if hair == 'bald':
        painter.ellipse((x, y), (wide, high), person.skin)
    else:
        painter.ellipse((x, y), (wide * 1.08, high * 1.05), colour)
        if pose.cos > -0.35:
            _paint_face(painter, person.skin, pose, (x, y), (wide, high))
    if hair == 'long' and pose.cos < -0.3:
        tips = (y - high * 2.5, x - wide * 0.9, x + wide * 0.9)
        painter.trapezoid((y, x - wide, x + wide), tips, colour)
    hat = person.hat
    if hat == 'none':
        return
    y += 0.2 * high
    painter.ellipse((x, y), (wide * 1.14, high), person.hat_colour, part=slice(7))
    brim = {'cap': 0.9, 'beanie': 0.0, 'brimmed hat': 0.95}[hat] * wide
    if brim:
        left = brim if hat == 'brimmed hat' else max(0.0, -brim * pose.sin)
        right = brim if hat == 'brimmed hat' else max(0.0, brim * pose.sin)
        ends = (x - wide - left, x + wide + right)
        top, bottom = (y + 0.012, *ends), (y - 0.008, *ends)
        painter.trapezoid(top, bottom, person.hat_colour, 0.7)


def _paint_face(
    painter: Painter, skin: Colour, pose: Pose, centre: Point, radius: Point
) -> None:
    x, y = centre
    wide, high = radius
    visible = 0.5 + 0.4 * max(pose.cos, 0.0)
    middle = x + (0.95 - visible) * wide * (1 if pose.sin > 0 else -1) * min(
        1.0, 2.5 * abs(pose.sin)
    )
    painter.ellipse((middle, y - 0.16 * high), (wide * visible, high * 0.8), skin)
