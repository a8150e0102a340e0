from __future__ import annotations

import random
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from dynamix.registry import TRANSFORMS

LUMA = np.array([0.114, 0.587, 0.299])  # of blue, green, red: ITU-R BT.601
_RGB_TO_YIQ = np.array(
    [
        [0.299, 0.587, 0.114],
        [0.595716, -0.274453, -0.321263],
        [0.211456, -0.522591, 0.311135],
    ]
)
_BGR_TO_YIQ = _RGB_TO_YIQ[:, ::-1]
_YIQ_TO_BGR = np.linalg.inv(_BGR_TO_YIQ)


@TRANSFORMS.register_module()
class RandomColorJitter(BaseTransform):
    """Changes brightness, contrast, saturation and hue in one pass over the image.

    All four are linear maps of a pixel's colour, so they are multiplied first and
    applied once: 40 us for 256 x 128, where MMPretrain's ``ColorJitter`` takes 0.9 to
    2.5 ms and cannot be left out at random. Hue turns about the grey axis and keeps
    the luma, which is close to a shift in HSV for small angles. Values are cut to
    ``0..255`` once, at the end. Ours.

    Required and modified key: ``img`` (HWC uint8 BGR array).

    Args:
        brightness (float): Factors are drawn from ``1 - brightness`` to
            ``1 + brightness``; at most 1. Defaults to 0.
        contrast (float): Likewise. Defaults to 0.
        saturation (float): Likewise. Defaults to 0.
        hue (float): Shifts are drawn from ``-hue`` to ``hue``, in turns; at most 0.5.
            Defaults to 0.
        prob (float): Probability that an image is changed. Defaults to 1.
        grayscale_prob (float): Probability that an image loses all its colour,
            independent of ``prob``. Defaults to 0.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
        prob: float = 1.0,
        grayscale_prob: float = 0.0,
    ) -> None:
        self.limits = dict(
            brightness=brightness, contrast=contrast, saturation=saturation, hue=hue
        )
        self.probs = dict(prob=prob, grayscale_prob=grayscale_prob)
        for name, value in {**self.limits, **self.probs}.items():
            most = 0.5 if name == 'hue' else 1.0
            if not 0 <= value <= most:
                raise ValueError(
                    f'RandomColorJitter: `{name}` must lie in 0..{most}, but got '
                    f'{value}.'
                )

    def draw(self) -> tuple[float, float, float, float] | None:
        """Factors of brightness, contrast and saturation, and the turn of the hue."""
        is_changed, is_gray = (random.random() < prob for prob in self.probs.values())
        if not (is_changed or is_gray):
            return None
        limits = self.limits.values() if is_changed else (0.0, 0.0, 0.0, 0.0)
        b, c, s, h = (random.uniform(-limit, limit) for limit in limits)
        return 1 + b, 1 + c, 0.0 if is_gray else 1 + s, h

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Changes the image's colours."""
        drawn = self.draw()
        if drawn is not None:
            results['img'] = change_colors(results['img'], *drawn)
        return results


def change_colors(
    image: np.ndarray, brightness: float, contrast: float, saturation: float, hue: float
) -> np.ndarray:
    """Brightness, then contrast, saturation and hue, cut to ``0..255`` at the end.

    Args:
        image (np.ndarray): HWC uint8 BGR.
        brightness (float): Factor.
        contrast (float): Factor; 0 gives the mean grey.
        saturation (float): Factor; 0 gives the greyscale image.
        hue (float): In turns.
    """
    turn = -2 * np.pi * hue  # red towards green, as in HSV
    cos, sin = np.cos(turn) * saturation, np.sin(turn) * saturation
    colors = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    matrix = np.empty((3, 4), np.float32)
    matrix[:, :3] = _YIQ_TO_BGR @ colors @ _BGR_TO_YIQ * (brightness * contrast)
    mean = LUMA @ cv2.mean(image)[:3]
    matrix[:, 3] = (1 - contrast) * brightness * mean
    return cv2.transform(image, matrix)
