from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch.nn.functional as F
from mmpretrain.models.backbones import ResNetV1d
from torch import Tensor, nn

from dynamix.registry import MODELS


class PooledConv2d(nn.Conv2d):
    """1x1 convolution of the map averaged over squares of ``pool`` pixels a side."""

    def __init__(self, in_channels: int, out_channels: int, pool: int) -> None:
        super().__init__(in_channels, out_channels, 1, bias=False)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Computes ``[B, out_channels, H / pool, W / pool]``."""
        return super().forward(F.avg_pool2d(x, self.pool))


@MODELS.register_module()
class CLIPResNet(ResNetV1d):
    """ResNet of CLIP's image encoder, without its attention pooling.

    Differs from MMPretrain's ResNet-D in that every stride is an average pooling: in
    the stem, and in blocks between the second and the third convolution.

    Source: Radford et al., "Learning Transferable Visual Models From Natural Language
    Supervision", ICML 2021; section 2.4.

    Args:
        **kwargs: As of ``mmpretrain.ResNetV1d``, with a depth of at least 50. Re-ID
            sets ``strides=(1, 2, 2, 1)``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.maxpool = nn.AvgPool2d(2)
        for name in self.res_layers:
            block = getattr(self, name)[0]
            stride = block.conv2_stride
            if stride > 1:
                block.conv2.stride = (1, 1)
                block.conv3 = PooledConv2d(
                    block.mid_channels, block.out_channels, stride
                )
                # names without a gap, whatever the stride
                pool, conv, norm = block.downsample
                block.downsample = nn.Sequential(
                    OrderedDict([('pool', pool), ('0', conv), ('1', norm)])
                )
        self._freeze_stages()
