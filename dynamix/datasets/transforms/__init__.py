"""Transforms that MMPretrain and mmcv lack."""

from .load_reid_image import LoadReIDImage
from .pack_reid_inputs import PackReIDInputs
from .random_color_jitter import RandomColorJitter
from .random_gaussian_blur import RandomGaussianBlur

__all__ = [
    'LoadReIDImage',
    'PackReIDInputs',
    'RandomColorJitter',
    'RandomGaussianBlur',
]
