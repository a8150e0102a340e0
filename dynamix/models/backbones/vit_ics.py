from __future__ import annotations

from typing import Any

from mmcv.cnn.bricks.transformer import PatchEmbed
from mmpretrain.models.backbones import VisionTransformer
from torch import Tensor, nn

from dynamix.registry import MODELS

from .resnet_ibn import InstanceBatchNorm

STEM_CHANNELS = 64
STEM_STRIDE = 2
BATCH_NORM = dict(type='BN')


class ConvStemPatchEmbed(PatchEmbed):
    """Patches of what three convolutions make of the image, at half its size.

    The first two are followed by instance and batch normalisation (the IBN-based
    convolution stem, ICS, of TransReID-SSL, Luo et al., arXiv 2111.12084).

    Args:
        in_channels (int): Channels of the image.
        img_size (tuple[int, int]): Its height and width.
        embed_dims (int): Size of a token.
        patch_size (int): Pixels of the image on a side of a patch, even.
    """

    def __init__(
        self,
        in_channels: int,
        img_size: tuple[int, int],
        embed_dims: int,
        patch_size: int,
    ):
        side = patch_size // STEM_STRIDE
        super().__init__(
            in_channels=STEM_CHANNELS,
            embed_dims=embed_dims,
            kernel_size=side,
            stride=side,
            input_size=tuple(size // STEM_STRIDE for size in img_size),
        )
        # named as in the published weights
        self.conv = nn.Sequential(
            nn.Conv2d(in_channels, STEM_CHANNELS, 7, STEM_STRIDE, 3, bias=False),
            InstanceBatchNorm(STEM_CHANNELS, BATCH_NORM),
            nn.ReLU(inplace=True),
            nn.Conv2d(STEM_CHANNELS, STEM_CHANNELS, 3, padding=1, bias=False),
            InstanceBatchNorm(STEM_CHANNELS, BATCH_NORM),
            nn.ReLU(inplace=True),
            nn.Conv2d(STEM_CHANNELS, STEM_CHANNELS, 3, padding=1, bias=False),
            nn.BatchNorm2d(STEM_CHANNELS),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Embeds patches, ``[B, h w, embed_dims]``, and returns ``(h, w)``, too."""
        return super().forward(self.conv(x))


@MODELS.register_module()
class VisionTransformerICS(VisionTransformer):
    """MMPretrain's vision transformer with a convolutional stem.

    Args:
        *args: As of ``mmpretrain.VisionTransformer``. ``patch_size`` is even.
        **kwargs: As of ``mmpretrain.VisionTransformer``, but for ``patch_cfg``.
    """

    patch_embed: PatchEmbed

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        patches = self.patch_embed.projection
        self.patch_embed = ConvStemPatchEmbed(
            patches.in_channels,
            self.img_size,
            self.embed_dims,
            patches.kernel_size[0],
        )
        if self.frozen_stages > 0:
            self._freeze_stages()
