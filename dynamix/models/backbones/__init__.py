"""Backbones that MMPretrain lacks."""

from .resnet_ibn import InstanceBatchNorm, ResNetIBN
from .vit_ics import ConvStemPatchEmbed, VisionTransformerICS

__all__ = [
    'ConvStemPatchEmbed',
    'InstanceBatchNorm',
    'ResNetIBN',
    'VisionTransformerICS',
]
