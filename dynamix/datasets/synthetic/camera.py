from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from .counter_random import Uniforms
from .domain_style import DomainStyle


@dataclass(frozen=True, eq=False)
class Camera:
    """Where a camera hangs and how it sees colours and details.

    Attributes:
        place (int): Kind of background, an index of ``DomainStyle.places``.
        gains (tuple[float, float, float]): Factors on blue, green and red.
        gamma (float): Exponent of the response.
        saturation (float): 0 grey, 1 faithful.
        veil (float): Grey level added by glare, 0..255.
        resolution (float): Height, in pixels, that a person is really resolved with.
        blur (float): Standard deviation of the lens, in resolved pixels.
        pitch (float): Downward view; shortens the legs.
        roll (float): Sideways tilt, as a slope.
        direction (float): Radians; which way most people walk here.
        framing (float): How tightly people are cropped; 1 is usual.
    """

    place: int
    gains: tuple[float, float, float]
    gamma: float
    saturation: float
    veil: float
    resolution: float
    blur: float
    pitch: float
    roll: float
    direction: float
    framing: float

    def respond(self, colours: np.ndarray) -> np.ndarray:
        """``[..., 3]`` BGR colours in 0..255 as the camera records them, float64."""
        light = (np.asarray(colours) * (1.0 / 255.0)) ** self.gamma
        return np.minimum(np.maximum(light @ self._mixing + self.veil, 0.0), 255.0)

    @cached_property
    def _mixing(self) -> np.ndarray:
        """``[3, 3]`` float64: saturation and gains as one product."""
        colourful = self.saturation * np.eye(3) + (1.0 - self.saturation) / 3.0
        return colourful * (np.array(self.gains) * (255.0 - self.veil))


@lru_cache(maxsize=4096)
def make_camera(style: DomainStyle, key: int) -> Camera:
    """Draws the camera numbered ``key``, as different as a domain's cameras are."""
    uniform = Uniforms(key, 24)
    place = uniform.choose(style.places)
    exposure = 2.0 ** uniform(-1.25 * style.exposure, style.exposure)
    warmth = uniform(-style.cast, style.cast)
    tint = uniform(-style.cast, style.cast) * 0.6
    low, high = style.resolution
    return Camera(
        place=place,
        gains=(
            exposure * (1.0 - warmth),
            exposure * (1.0 + tint),
            exposure * (1.0 + warmth),
        ),
        gamma=math.exp(uniform(-style.gamma, style.gamma)),
        saturation=uniform(0.65, 1.1),
        veil=uniform(0.0, 28.0),
        resolution=uniform(low, high),
        blur=max(0.0, uniform(-0.8, 1.1)),
        pitch=uniform(0.0, style.pitch),
        roll=uniform(-0.05, 0.05),
        direction=uniform(0.0, 2.0 * math.pi),
        framing=uniform(0.93, 1.07),
    )
