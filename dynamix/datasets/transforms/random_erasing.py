from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from mmcv.transforms import BaseTransform

from dynamix.config_checks import check_rate
from dynamix.registry import TRANSFORMS

AREA = 0.02, 0.4  # of the image
LOG_ASPECT = math.log(3 / 10), math.log(10 / 3)  # height over width


@TRANSFORMS.register_module()
class RandomErasing(BaseTransform):
    """Fills a rectangle with one colour, in place.

    Draws rectangles as MMPretrain's of this name does with its defaults: 2 to 40 % of
    the image, height over width from 3/10 to 10/3; 5 us for 256 x 128 instead of 35.
    Random erasing, Zhong et al., AAAI 2020.

    Required and modified key: ``img`` (HWC uint8 array).

    Args:
        fill_color (Sequence[float]): In 0..255, in the channel order of the image;
            fractions are cut off.
        prob (float): Probability that an image is changed. Defaults to 0.5.

    Raises:
        ValueError: If the colour or the probability makes no sense.
    """

    def __init__(self, fill_color: Sequence[float], prob: float = 0.5) -> None:
        if not all(0 <= value <= 255 for value in fill_color):
            raise ValueError(
                'RandomErasing: `fill_color` must be numbers in 0..255, but got '
                f'{fill_color}.'
            )
        check_rate('RandomErasing.prob', prob)
        self.fill_color = [int(value) for value in fill_color]
        self.prob = prob

    def draw(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Top, left, height and width of a rectangle, in pixels."""
        aspect = math.exp(random.uniform(*LOG_ASPECT))
        area = height * width * random.uniform(*AREA)
        rows = min(round(math.sqrt(area * aspect)), height)
        columns = min(round(math.sqrt(area / aspect)), width)
        top = random.randrange(max(height - rows, 1))
        left = random.randrange(max(width - columns, 1))
        return top, left, rows, columns

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Erases a rectangle."""
        if random.random() < self.prob:
            top, left, rows, columns = self.draw(*results['img'].shape[:2])
            erased = results['img'][top : top + rows, left : left + columns]
            # NumPy writes rows of pixels faster than single pixels
            erased[:1] = self.fill_color
            erased[1:] = erased[:1]
        return results
