"""Transforms that MMPretrain and mmcv lack, or that are slow there."""

from .image_views import ImageViews
from .load_reid_image import LoadReIDImage
from .pack_reid_inputs import PackReIDInputs
from .random_color_jitter import RandomColorJitter
from .random_erasing import RandomErasing
from .random_flip_crop import RandomFlipCrop
from .random_gaussian_blur import RandomGaussianBlur

__all__ = [
    'ImageViews',
    'LoadReIDImage',
    'PackReIDInputs',
    'RandomColorJitter',
    'RandomErasing',
    'RandomFlipCrop',
    'RandomGaussianBlur',
]
