"""Backbones that MMPretrain lacks."""

from .clip_resnet import CLIPResNet
from .osnet import OmniScaleBlock, OSNet
from .resnet_ibn import InstanceBatchNorm, ResNetIBN
from .vit_ics import ConvStemPatchEmbed, VisionTransformerICS
from .vit_registers import VisionTransformerRegisters

__all__ = [
    'CLIPResNet',
    'ConvStemPatchEmbed',
    'InstanceBatchNorm',
    'OSNet',
    'OmniScaleBlock',
    'ResNetIBN',
    'VisionTransformerICS',
    'VisionTransformerRegisters',
]
