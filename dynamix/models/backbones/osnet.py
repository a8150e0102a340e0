from __future__ import annotations

from collections import OrderedDict

import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmpretrain.models.utils import SELayer
from torch import Tensor, nn

from dynamix.registry import MODELS

BN = dict(type='BN')
IN = dict(type='IN', affine=True)
CHANNELS = (64, 256, 384, 512)
NUM_STREAMS = 4
REDUCTION = 4
GATE_REDUCTION = 16
# norm of each of the two blocks of the three stages
BLOCK_NORMS = dict(
    plain=(('bn', 'bn'), ('bn', 'bn'), ('bn', 'bn')),
    ibn=(('ibn', 'ibn'), ('bn', 'bn'), ('bn', 'bn')),
    ain=(('ain', 'ain'), ('bn', 'ain'), ('ain', 'bn')),
)


def separable_convolution(channels: int) -> nn.Sequential:
    """Returns a 1x1 convolution, a depthwise 3x3 convolution, norm and ReLU."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, channels, 1, bias=False),
            conv2=nn.Conv2d(
                channels, channels, 3, padding=1, groups=channels, bias=False
            ),
            bn=nn.BatchNorm2d(channels),
            relu=nn.ReLU(inplace=True),
        )
    )


class OmniScaleBlock(nn.Module):
    """Residual block of streams with growing receptive fields.

    Stream ``t`` is a chain of ``t`` separable 3x3 convolutions. All streams are
    weighted channel by channel by one shared gate, and summed.

    Args:
        in_channels (int): Number of input channels.
        out_channels (int): Number of output channels.
        norm (str): Where instance normalization is: ``'bn'`` nowhere, ``'ibn'`` after
            the addition, ``'ain'`` in the residual branch, in place of its last batch
            normalization.
    """

    def __init__(self, in_channels: int, out_channels: int, norm: str) -> None:
        super().__init__()
        # modules are named as in the published weights
        channels = out_channels // REDUCTION
        self.conv1 = ConvModule(in_channels, channels, 1, norm_cfg=BN)
        self.conv2 = nn.ModuleList(
            nn.Sequential(*(separable_convolution(channels) for _ in range(depth)))
            for depth in range(1, NUM_STREAMS + 1)
        )
        self.gate = SELayer(
            channels, squeeze_channels=channels // GATE_REDUCTION, bias=True
        )
        self.conv3 = ConvModule(
            channels,
            out_channels,
            1,
            norm_cfg=None if norm == 'ain' else BN,
            bias=False,
            act_cfg=None,
        )
        self.downsample = (
            nn.Identity()
            if in_channels == out_channels
            else ConvModule(in_channels, out_channels, 1, norm_cfg=BN, act_cfg=None)
        )
        self.norm = norm
        if norm != 'bn':
            self.IN = nn.InstanceNorm2d(out_channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        """Computes ``[B, out_channels, H, W]`` of ``[B, in_channels, H, W]``."""
        reduced = self.conv1(x)
        residual = self.conv3(sum(self.gate(stream(reduced)) for stream in self.conv2))
        if self.norm == 'ain':
            residual = self.IN(residual)
        x = residual + self.downsample(x)
        return F.relu(self.IN(x) if self.norm == 'ibn' else x)


@MODELS.register_module()
class OSNet(BaseModule):
    """Omni-scale network, a small backbone made for person re-identification.

    The output is the feature map before pooling. The fully connected layer that
    follows in the published models is a neck, ``mmpretrain.LinearNeck``; both load
    from one file, see :mod:`dynamix.models.pretrained`.

    Source: Zhou et al., "Omni-Scale Feature Learning for Person Re-Identification",
    ICCV 2019; ``variant='ain'``: "Learning Generalisable Omni-Scale Representations
    for Person Re-Identification", TPAMI 2021.

    Args:
        widen_factor (float): Multiplies the numbers of channels: 0.25, 0.5, 0.75 or 1
            in the published models. Defaults to 1.
        variant (str): ``'plain'``, ``'ibn'`` or ``'ain'``: which blocks have instance
            normalization. Defaults to ``'plain'``.
        init_cfg (dict | list[dict], optional): Initialization config. Defaults to
            Kaiming initialization of convolutions.

    Raises:
        ValueError: If ``variant`` is none of those above.
    """

    def __init__(
        self,
        widen_factor: float = 1.0,
        variant: str = 'plain',
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Kaiming', layer='Conv2d'))
        if variant not in BLOCK_NORMS:
            raise ValueError(
                f'backbone.variant must be one of {sorted(BLOCK_NORMS)}, but got '
                f'{variant!r}.'
            )
        channels = [int(widen_factor * count) for count in CHANNELS]
        self.conv1 = ConvModule(
            3, channels[0], 7, 2, 3, norm_cfg=BN if variant == 'plain' else IN
        )
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        for i, (first, second) in enumerate(BLOCK_NORMS[variant]):
            stage = nn.Sequential(
                OmniScaleBlock(channels[i], channels[i + 1], first),
                OmniScaleBlock(channels[i + 1], channels[i + 1], second),
            )
            self.add_module(f'conv{i + 2}', stage)
        for i in (1, 2):
            transition = ConvModule(channels[i], channels[i], 1, norm_cfg=BN)
            pool = nn.Sequential(transition, nn.AvgPool2d(2))
            self.add_module(f'pool{i + 1}', pool)
        self.conv5 = ConvModule(channels[3], channels[3], 1, norm_cfg=BN)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Computes the feature map.

        Args:
            x (Tensor): ``[B, 3, H, W]``.

        Returns:
            tuple[Tensor]: ``[B, C, H / 16, W / 16]``.
        """
        x = self.maxpool(self.conv1(x))
        x = self.pool2(self.conv2(x))
        x = self.pool3(self.conv3(x))
        return (self.conv5(self.conv4(x)),)
