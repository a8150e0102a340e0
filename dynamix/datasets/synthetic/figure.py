"""Dresses a skeleton: which shapes, in which order, in which colours."""

from __future__ import annotations

from .appearance import Appearance
from .head import paint_head
from .painter import Painter
from .pose import Point, Pose

_FAR = 0.8


class _Torso:
    """The trunk's outline, and where a place on it lies in the picture."""

    def __init__(self, person: Appearance, pose: Pose) -> None:
        self.top = pose.shoulder_y
        self.bottom = pose.hip_y - person.hem
        self._lean = pose.lean
        self._shoulder = pose.shoulder_width
        wide = 1.12 if person.hem < 0.1 else 1.12 + 0.9 * person.hem
        loose = 1.1 if person.upper == 'coat' else 1.0
        self._hem = pose.hip_width * wide * loose

    def at(self, across: float, down: float) -> Point:
        """Point at ``across`` in -1..1 (left to right) and ``down`` in 0..1."""
        half = self._shoulder + (self._hem - self._shoulder) * down
        y = self.top + (self.bottom - self.top) * down
        return self._lean * (1.0 - down) + across * half, y

    def patch(
        self, left: float, right: float, top: float, bottom: float
    ) -> tuple[Point, Point, Point, Point]:
        """Corners of a patch given in the coordinates of :meth:`at`."""
        return (
            self.at(left, top),
            self.at(right, top),
            self.at(right, bottom),
            self.at(left, bottom),
        )


def paint_person(
    painter: Painter, person: Appearance, pose: Pose, shading: float
) -> None:
    """Adds a dressed person, far parts first; ``shading`` 1: a black shaded side."""
    torso = _Torso(person, pose)
    far, near = -pose.near, pose.near
    facing = pose.cos > 0.0
    if person.bag == 'backpack' and facing:
        _paint_backpack(painter, person, pose)
    _paint_arm(painter, person, pose, far, _FAR)
    for side, shade in ((far, _FAR), (near, 1.0)):
        _paint_leg(painter, person, pose, side, shade)
    _paint_lower(painter, person, pose)
    _paint_torso(painter, person, pose, torso, shading)
    if person.bag == 'backpack' and not facing:
        _paint_backpack(painter, person, pose)
    paint_head(painter, person, pose)
    _paint_arm(painter, person, pose, near, 0.93)


def _paint_leg(
    painter: Painter, person: Appearance, pose: Pose, side: int, shade: float
) -> None:
    leg = pose.legs[side]
    kind = person.lower
    bare = kind in ('skirt', 'shorts')
    size = 0.9 * person.build**0.7
    wide = 1.35 if kind == 'wide trousers' else 1.0
    thigh, knee, ankle = 0.056 * size, 0.042 * size, 0.029 * size * wide
    cloth, skin = person.lower_colour, person.skin
    forward = 0.062 * pose.sin
    x, y = leg.end
    painter.trapezoid(
        (y + 0.012, x - 0.026, x + 0.026),
        (y - 0.035, x - 0.03 + min(forward, 0.0), x + 0.03 + max(forward, 0.0)),
        person.shoe_colour,
        shade,
    )
    lower = (0.034 * size, 0.021 * size) if bare else (knee * wide, ankle)
    painter.limb(leg.middle, leg.end, lower, skin if bare else cloth, shade)
    short = kind in ('skirt', 'long skirt')
    painter.limb(leg.top, leg.middle, (thigh, knee), skin if short else cloth, shade)
    if person.lower_stripe and not bare and not short:
        light = person.second_colour
        painter.limb(leg.top, leg.end, (0.008, 0.007), light, shade)


def _paint_lower(painter: Painter, person: Appearance, pose: Pose) -> None:
    kind = person.lower
    width, top = pose.hip_width, pose.hip_y + 0.03
    if kind in ('skirt', 'long skirt'):
        length = 0.22 if kind == 'skirt' else 0.38
        knees = [pose.legs[side].middle[0] for side in (1, -1)]
        flare = 1.3 if kind == 'skirt' else 1.15
        left = min(-width * flare, min(knees) - 0.03)
        right = max(width * flare, max(knees) + 0.03)
    else:
        length, left, right = 0.045, -width * 0.9, width * 0.9
    hem = (pose.hip_y - length, left, right)
    painter.trapezoid((top, -width, width), hem, person.lower_colour)


def _paint_torso(
    painter: Painter, person: Appearance, pose: Pose, torso: _Torso, shading: float
) -> None:
    base = person.upper_colour
    neck = 0.036 * person.build**0.5
    collar = pose.shoulder_y + 0.022
    lean = pose.lean
    painter.limb(
        (lean, pose.shoulder_y), (lean * 1.4, collar + 0.03), (neck, neck), person.skin
    )
    outline = (
        (lean - neck * 1.3, collar),
        (lean + neck * 1.3, collar),
        torso.at(1.0, 0.03),
        torso.at(0.97, 0.55),
        torso.at(1.0, 1.0),
        torso.at(-1.0, 1.0),
        torso.at(-0.97, 0.55),
        torso.at(-1.0, 0.03),
    )
    painter.polygon(outline, base)
    _paint_pattern(painter, person, pose, torso)
    if person.upper in ('jacket', 'coat') and pose.cos > 0.1:
        middle, half = 0.75 * pose.sin, 0.2 * pose.cos
        painter.polygon(
            torso.patch(middle - half, middle + half, 0.0, 0.94), person.second_colour
        )
    if shading > 0.02:
        painter.polygon(torso.patch(0.6, 0.98, 0.1, 1.0), base, 1 - shading)
    if person.bag == 'backpack' and pose.cos > 0.2:
        for side in (-0.55, 0.55):
            place = side * pose.cos + 0.5 * pose.sin
            painter.polygon(
                torso.patch(place - 0.09, place + 0.09, 0.0, 0.5), person.bag_colour
            )
    elif person.bag == 'shoulder bag':
        side = person.bag_side * (1 if pose.cos > 0 else -1)
        painter.limb(
            torso.at(-0.6 * side, 0.02),
            torso.at(0.8 * side, 0.8),
            (0.009, 0.009),
            person.bag_colour,
        )


def _paint_pattern(
    painter: Painter, person: Appearance, pose: Pose, torso: _Torso
) -> None:
    kind, colour = person.pattern, person.second_colour
    size = person.pattern_size
    if kind == 'stripes' or kind == 'checks':
        count = 3 + int(3 * size) + (1 if person.hem > 0.1 else 0)
        for i in range(count):
            top = (i + 0.35) / count
            painter.polygon(torso.patch(-0.97, 0.97, top, top + 0.42 / count), colour)
    if kind == 'columns' or kind == 'checks':
        count = 3 + int(2 * size)
        for i in range(count):
            left = -0.9 + 1.8 * (i + 0.3) / count
            painter.polygon(torso.patch(left, left + 0.7 / count, 0.06, 0.99), colour)
    elif kind == 'halves':
        top, bottom = (0.0, 0.35 + 0.2 * size) if size < 0.5 else (0.45, 1.0)
        painter.polygon(torso.patch(-0.98, 0.98, top, bottom), colour)
    elif kind == 'print' and pose.cos > 0.15:
        x, y = torso.at(0.55 * pose.sin, 0.3)
        wide = (0.035 + 0.03 * size) * pose.cos
        if size < 0.5:
            painter.ellipse((x, y), (wide, 0.05), colour)
        else:
            low, high = y - 0.045, y + 0.045
            sides = (x - wide, x + wide)
            painter.trapezoid((high, *sides), (low, *sides), colour)


def _paint_arm(
    painter: Painter, person: Appearance, pose: Pose, side: int, shade: float
) -> None:
    arm = pose.arms[side]
    size = 0.95 * person.build**0.6
    short = person.upper in ('t-shirt', 'dress')
    puffy = 1.2 if person.upper in ('jacket', 'coat') else 1.0
    sleeve, lower = person.upper_colour, person.skin if short else person.upper_colour
    widths = (0.027 * size * (1.0 if short else puffy), 0.02 * size)
    painter.ellipse(arm.end, (0.019, 0.024), person.skin, shade)
    painter.limb(arm.middle, arm.end, widths, lower, shade)
    widths = (0.036 * size * puffy, 0.029 * size * puffy)
    painter.limb(arm.top, arm.middle, widths, sleeve, shade)
    if person.bag_side != side:
        return
    size = person.bag_size
    if person.bag == 'hand bag':
        x, y = arm.end
        _paint_box(painter, (x, y - 0.085 * size), 0.055 * size, 0.07 * size, person)
    elif person.bag == 'shoulder bag':
        x = side * (pose.hip_width + 0.02) * (1 if pose.cos > 0 else -1)
        x = x if abs(pose.cos) > 0.5 else 0.01
        centre = (x, pose.hip_y + 0.03)
        _paint_box(painter, centre, 0.06 * size, 0.055 * size, person)


def _paint_box(
    painter: Painter, centre: Point, wide: float, high: float, person: Appearance
) -> None:
    x, y = centre
    for part, shade in ((1.0, 1.0), (0.45, 0.72)):
        painter.trapezoid(
            (y + high * part, x - 0.85 * wide, x + 0.85 * wide),
            (y - high, x - wide, x + wide),
            person.bag_colour,
            shade,
        )


def _paint_backpack(painter: Painter, person: Appearance, pose: Pose) -> None:
    size = person.bag_size
    x = -0.105 * pose.sin + pose.lean
    wide = size * (0.084 * abs(pose.cos) + 0.05 * abs(pose.sin))
    _paint_box(painter, (x, pose.shoulder_y - 0.12 * size), wide, 0.115 * size, person)
