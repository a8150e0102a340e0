from __future__ import annotations

from typing import Any

import torch
from mmcv.cnn import build_norm_layer
from mmpretrain.models.backbones import ResNet
from torch import Tensor, nn

from dynamix.registry import MODELS

STAGES_WITH_IBN = 3


class InstanceBatchNorm(nn.Module):
    """Instance normalisation of one half of the channels, the given of the other.

    What the style of a camera changes is taken out of the first half; the second keeps
    it, as it tells people apart, too (IBN-Net, Pan et al., ECCV 2018). A plane has at
    least 2 pixels.

    Args:
        channels (int): Number of channels, at least 2; of an odd number, the second
            half is the larger.
        norm_cfg (dict): Normalisation of the second half.
    """

    def __init__(self, channels: int, norm_cfg: dict):
        super().__init__()
        self.sizes = [channels // 2, channels - channels // 2]
        # named as in the published weights
        self.IN = nn.InstanceNorm2d(self.sizes[0], affine=True)
        self.BN = build_norm_layer(norm_cfg, self.sizes[1])[1]

    def forward(self, x: Tensor) -> Tensor:
        """Normalises ``[B, channels, H, W]``."""
        first, second = x.split(self.sizes, dim=1)
        return torch.cat([self.IN(first), self.BN(second)], dim=1)


@MODELS.register_module()
class ResNetIBN(ResNet):
    """ResNet with IBN-a: MMPretrain's, but for the first norm of most blocks.

    That of each block of the first three stages is an :class:`InstanceBatchNorm`. The
    names of its weights are those of the published models.

    Args:
        depth (int): 18, 34, 50, 101 or 152.
        **kwargs: As of ``mmpretrain.ResNet``.
    """

    def __init__(self, depth: int, **kwargs: Any):
        super().__init__(depth, **kwargs)
        for name in self.res_layers[:STAGES_WITH_IBN]:
            for block in getattr(self, name):
                norm = InstanceBatchNorm(block.mid_channels, self.norm_cfg)
                setattr(block, block.norm1_name, norm)
        self._freeze_stages()
