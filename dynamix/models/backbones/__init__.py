"""Backbones that MMPretrain lacks."""

from .clip_resnet import CLIPResNet
from .osnet import OSNet
from .resnet_ibn import ResNetIBN
from .vit_ics import VisionTransformerICS
from .vit_registers import VisionTransformerRegisters

__all__ = [
    'CLIPResNet',
    'OSNet',
    'ResNetIBN',
    'VisionTransformerICS',
    'VisionTransformerRegisters',
]
