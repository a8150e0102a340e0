from __future__ import annotations

import math
from dataclasses import dataclass

from .appearance import Appearance

Point = tuple[float, float]


@dataclass(frozen=True)
class Limb:
    """Three joints of an arm or a leg in the picture, from the body outwards.

    ``x`` grows to the right, ``y`` upwards, the feet stand at 0 and the top of the
    head at 1.
    """

    top: Point
    middle: Point
    end: Point


@dataclass(frozen=True)
class Pose:
    """A body seen from one direction at one moment of its gait.

    Attributes:
        sin (float): Sine of the view: 1 walks to the right of the picture.
        cos (float): Cosine of the view: 1 faces the camera, -1 shows the back.
        near (int): Side of the body (1: its left) that is nearer to the camera.
        legs (dict[int, Limb]): By side, 1 and -1.
        arms (dict[int, Limb]): By side.
        shoulder_y (float): Height of the shoulders.
        hip_y (float): Height of the hips.
        shoulder_width (float): Half the visible width at the shoulders.
        hip_width (float): Half the visible width at the hips.
        lean (float): How far the shoulders are ahead of the hips in the picture.
    """

    sin: float
    cos: float
    near: int
    legs: dict[int, Limb]
    arms: dict[int, Limb]
    shoulder_y: float
    hip_y: float
    shoulder_width: float
    hip_width: float
    lean: float


def make_pose(person: Appearance, view: float, phase: float, effort: float) -> Pose:
    """Puts a walking skeleton in front of the camera.

    Args:
        person (Appearance): Gives the proportions.
        view (float): Angle in radians; 0 front, pi / 2 walks to the right, pi back.
        phase (float): Place in the gait cycle, in radians.
        effort (float): 0 stands, 1 walks with the person's own stride.
    """
    sin, cos = math.sin(view), math.cos(view)
    hip_y = person.legs
    shoulder_y = 0.985 - person.head * 1.32
    shoulder = person.shoulders * person.build
    hip = person.hips * person.build
    swing = person.stride * effort
    thigh, shin = hip_y * 0.5, hip_y * 0.44
    arm = (shoulder_y - hip_y) * 0.98
    legs, arms = {}, {}
    for side in (1, -1):
        turn = phase if side > 0 else phase + math.pi
        angle = swing * math.sin(turn)
        bend = 1.7 * swing * max(0.0, math.cos(turn)) + 0.04
        x = side * hip * 0.52
        knee_z = thigh * math.sin(angle)
        knee_y = hip_y - thigh * math.cos(angle)
        foot_z = knee_z + shin * math.sin(angle - bend)
        foot_y = knee_y - shin * math.cos(angle - bend)
        legs[side] = Limb(
            (x * cos, hip_y),
            (x * cos + knee_z * sin, knee_y),
            (x * cos + foot_z * sin, foot_y),
        )
        angle = -0.9 * swing * math.sin(turn)
        bend = 0.18 + 0.5 * swing
        x, wide = side * shoulder * 0.97, side * shoulder * 1.17
        elbow_z = 0.52 * arm * math.sin(angle)
        elbow_y = shoulder_y - 0.02 - 0.52 * arm * math.cos(angle)
        hand_z = elbow_z + 0.5 * arm * math.sin(angle + bend)
        hand_y = elbow_y - 0.5 * arm * math.cos(angle + bend)
        arms[side] = Limb(
            (x * cos, shoulder_y - 0.022),
            (wide * cos + elbow_z * sin, elbow_y),
            (wide * cos + hand_z * sin, hand_y),
        )
    depth = 0.068 * person.build
    return Pose(
        sin=sin,
        cos=cos,
        near=-1 if sin > 0 else 1,
        legs=legs,
        arms=arms,
        shoulder_y=shoulder_y,
        hip_y=hip_y,
        shoulder_width=math.hypot(shoulder * cos, depth * sin),
        hip_width=math.hypot(hip * cos, 1.05 * depth * sin),
        lean=0.02 * effort * sin,
    )
