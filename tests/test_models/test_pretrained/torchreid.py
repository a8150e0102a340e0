"""OSNet as torchreid names and computes it."""

from __future__ import annotations

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from .originals import conv

NORMS = dict(
    plain=[['bn', 'bn']] * 3,
    ibn=[['ibn', 'ibn'], ['bn', 'bn'], ['bn', 'bn']],
    ain=[['ain', 'ain'], ['bn', 'ain'], ['ain', 'bn']],
)


class Unit(nn.Module):
    """OSNet's convolution and norm."""

    def __init__(self, into: int, out: int, side: int = 1, instance: bool = False):
        super().__init__()
        self.conv = conv(into, out, side, 2 if side == 7 else 1)
        norm = nn.InstanceNorm2d if instance else nn.BatchNorm2d
        self.bn = norm(out, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class Light(nn.Module):
    def __init__(self, mid: int):
        super().__init__()
        self.conv1, self.conv2 = conv(mid, mid), conv(mid, mid, 3, groups=mid)
        self.bn = nn.BatchNorm2d(mid)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv2(self.conv1(x))).relu()


class Gate(nn.Module):
    def __init__(self, mid: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(mid, mid // 16, 1), nn.Conv2d(mid // 16, mid, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.fc1(x.mean((2, 3), keepdim=True)).relu()
        return x * self.fc2(hidden).sigmoid()


class OSNetBlock(nn.Module):
    def __init__(self, into: int, out: int, variant: str, norm: str):
        super().__init__()
        mid = out // 4
        self.conv1, self.gate = Unit(into, mid), Gate(mid)
        streams = [[Light(mid) for _ in range(depth)] for depth in (1, 2, 3, 4)]
        if variant == 'ain':
            self.conv2 = nn.ModuleList(
                nn.Sequential(OrderedDict(layers=nn.Sequential(*s))) for s in streams
            )
        else:
            self.conv2a = streams[0][0]
            self.conv2b, self.conv2c, self.conv2d = (
                nn.Sequential(*s) for s in streams[1:]
            )
        self.conv3 = Unit(mid, out)
        self.norm = norm
        if norm != 'bn':
            self.IN = nn.InstanceNorm2d(out, affine=True)
        if norm == 'ain':
            del self.conv3.bn
        self.downsample = Unit(into, out) if into != out else None

    def forward(self, x: Tensor) -> Tensor:
        streams = getattr(self, 'conv2', None) or [
            getattr(self, f'conv2{letter}') for letter in 'abcd'
        ]
        y = self.conv1(x).relu()
        y = sum(self.gate(stream(y)) for stream in streams)
        y = self.IN(self.conv3.conv(y)) if self.norm == 'ain' else self.conv3(y)
        y = y + (x if self.downsample is None else self.downsample(x))
        return (self.IN(y) if self.norm == 'ibn' else y).relu()


class OSNet(nn.Module):
    """Of torchreid."""

    def __init__(self, width: float, variant: str):
        super().__init__()
        sizes = [int(width * size) for size in (64, 256, 384, 512)]
        self.variant = variant
        self.conv1 = Unit(3, sizes[0], 7, instance=variant != 'plain')
        for stage, norms in zip((2, 3, 4), NORMS[variant]):
            into, out = sizes[stage - 2 : stage]
            blocks = [
                OSNetBlock(into, out, variant, norms[0]),
                OSNetBlock(out, out, variant, norms[1]),
            ]
            transition = nn.Sequential(Unit(out, out))
            if stage < 4 and variant != 'ain':
                blocks.append(transition)
            elif stage < 4:
                self.add_module(f'pool{stage}', transition)
            self.add_module(f'conv{stage}', nn.Sequential(*blocks))
        self.conv5 = Unit(sizes[3], sizes[3])

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(x).relu(), 3, 2, 1)
        for stage in (2, 3, 4):
            x = getattr(self, f'conv{stage}')(x)
            if stage < 4:
                if self.variant == 'ain':
                    x = getattr(self, f'pool{stage}')(x)
                x = F.avg_pool2d(x.relu(), 2)
        return self.conv5(x).relu()
