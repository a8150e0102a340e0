"""Networks as other projects name and compute them; their files are made from these."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import SwinTransformer

from dynamix.models.backbones.resnet_ibn import InstanceBatchNorm
from dynamix.registry import MODELS

DIM, HEADS, DEPTH, GRID = 24, 3, 2, (4, 2)
BN = dict(type='BN')


def randomize(module: nn.Module) -> nn.Module:
    """Draws all weights and statistics."""
    torch.manual_seed(0)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point() and tensor.ndim > 1:
            nn.init.kaiming_normal_(tensor)
        elif tensor.is_floating_point():
            nn.init.uniform_(tensor, 0.5, 1.5)
    module.eval()
    return module


def conv(into: int, out: int, side: int = 1, stride: int = 1, groups: int = 1):
    return nn.Conv2d(into, out, side, stride, side // 2, groups=groups, bias=False)


class CLIPBottleneck(nn.Module):
    def __init__(self, into: int, mid: int, stride: int, first: bool):
        super().__init__()
        self.conv1, self.bn1 = conv(into, mid), nn.BatchNorm2d(mid)
        self.conv2, self.bn2 = conv(mid, mid, 3), nn.BatchNorm2d(mid)
        self.conv3, self.bn3 = conv(mid, 4 * mid), nn.BatchNorm2d(4 * mid)
        self.stride = stride
        self.downsample = nn.Sequential()
        if first:
            self.downsample = nn.Sequential(
                conv(into, 4 * mid), nn.BatchNorm2d(4 * mid)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(x)).relu()
        y = F.avg_pool2d(self.bn2(self.conv2(y)).relu(), self.stride)
        y = self.bn3(self.conv3(y))
        return (y + self.downsample(F.avg_pool2d(x, self.stride))).relu()


class CLIPResNet(nn.Module):
    """ResNet-50 of CLIP without its attention pooling."""

    def __init__(self, width: int, strides: tuple[int, ...]):
        super().__init__()
        half = width // 2
        self.conv1, self.bn1 = conv(3, half, 3, 2), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = conv(half, half, 3), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = conv(half, width, 3), nn.BatchNorm2d(width)
        into = width
        for stage, (count, stride) in enumerate(zip((3, 4, 6, 3), strides)):
            mid = width * 2**stage
            blocks = [CLIPBottleneck(into, mid, stride, True)]
            blocks += [CLIPBottleneck(4 * mid, mid, 1, False) for _ in range(count - 1)]
            self.add_module(f'layer{stage + 1}', nn.Sequential(*blocks))
            into = 4 * mid

    def forward(self, x: Tensor) -> Tensor:
        for i in (1, 2, 3):
            x = getattr(self, f'bn{i}')(getattr(self, f'conv{i}')(x)).relu()
        x = F.avg_pool2d(x, 2)
        for stage in (1, 2, 3, 4):
            x = getattr(self, f'layer{stage}')(x)
        return x


def stem() -> nn.Sequential:
    """The convolutional patches of TransReID-SSL."""
    layers = [conv(3, 64, 7, 2), InstanceBatchNorm(64, BN), nn.ReLU()]
    layers += [conv(64, 64, 3), InstanceBatchNorm(64, BN), nn.ReLU()]
    layers += [conv(64, 64, 3), nn.BatchNorm2d(64), nn.ReLU()]
    patches = nn.Conv2d(64, DIM, 4, 4)
    return nn.Sequential(OrderedDict(conv=nn.Sequential(*layers), proj=patches))


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(DIM))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(q, k, v)
        return self.proj(heads.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, scale: Callable[[], nn.Module]):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(DIM, 1e-6), nn.LayerNorm(DIM, 1e-6)
        self.attn = Attention()
        fc1, fc2 = nn.Linear(DIM, 2 * DIM), nn.Linear(2 * DIM, DIM)
        self.mlp = nn.Sequential(OrderedDict(fc1=fc1, act=nn.GELU(), fc2=fc2))
        self.ls1, self.ls2 = scale(), scale()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class ViT(nn.Module):
    """By the names of timm and DINOv2; its output are all tokens."""

    def __init__(
        self,
        num_patches: int = 8,
        registers: int = 0,
        scale: Callable[[], nn.Module] = nn.Identity,
        ics: bool = False,
    ):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, DIM))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + num_patches, DIM))
        if registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, registers, DIM))
        plain = nn.Sequential(OrderedDict(proj=nn.Conv2d(3, DIM, 8, 8)))
        self.patch_embed = stem() if ics else plain
        self.blocks = nn.Sequential(*(Block(scale) for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(DIM, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patch_embed(x).flatten(2).mT
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], dim=1)
        x = x + self.pos_embed
        if hasattr(self, 'register_tokens'):
            registers = self.register_tokens.expand(len(x), -1, -1)
            x = torch.cat([x[:, :1], registers, x[:, 1:]], dim=1)
        return self.norm(self.blocks(x))


class QuickGELU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class CLIPBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(DIM, HEADS, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        c_fc, c_proj = nn.Linear(DIM, 2 * DIM), nn.Linear(2 * DIM, DIM)
        layers = OrderedDict(c_fc=c_fc, gelu=QuickGELU(), c_proj=c_proj)
        self.mlp = nn.Sequential(layers)

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y)[0]
        return x + self.mlp(self.ln_2(x))


class CLIPViT(nn.Module):
    """The visual part of CLIP; its output is the class token before ``proj``."""

    def __init__(self) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(DIM))
        self.positional_embedding = nn.Parameter(torch.zeros(9, DIM))
        self.conv1 = nn.Conv2d(3, DIM, 8, 8, bias=False)
        self.ln_pre, self.ln_post = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.transformer = nn.Sequential(
            OrderedDict(resblocks=nn.Sequential(*(CLIPBlock() for _ in range(DEPTH))))
        )
        self.proj = nn.Parameter(torch.zeros(DIM, 5))

    def forward(self, x: Tensor) -> Tensor:
        patches = self.conv1(x).flatten(2).mT
        token = self.class_embedding.expand(len(x), 1, -1)
        x = torch.cat([token, patches], dim=1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0])


class Swin(SwinTransformer):
    """Torchvision's Swin, which is the original but for names."""

    NAMES = (
        (r'^features\.0\.0\.', 'patch_embed.proj.'),
        (r'^features\.0\.2\.', 'patch_embed.norm.'),
        (r'^features\.([1357])\.', lambda m: f'layers.{int(m[1]) // 2}.blocks.'),
        (r'^features\.([246])\.', lambda m: f'layers.{int(m[1]) // 2 - 1}.downsample.'),
        (r'\.mlp\.0\.', '.mlp.fc1.'),
        (r'\.mlp\.3\.', '.mlp.fc2.'),
    )

    def __init__(self) -> None:
        super().__init__([4, 4], 8, [2, 2, 1, 2], [2] * 4, [2, 2])

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.features(x)).permute(0, 3, 1, 2)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        state = {}
        for name, weight in super().state_dict(*args, **kwargs).items():
            for pattern, theirs in self.NAMES:
                name = re.sub(pattern, theirs, name)
            state[name] = weight
            if name.endswith('relative_position_index'):
                name = name.replace('attn.relative_position_index', 'attn_mask')
                state[name] = weight
        return state


class Solider(nn.Module):
    """MMPretrain's Swin, whose merged patches are scaled and shifted by semantics."""

    def __init__(self, swin: dict):
        super().__init__()
        self.backbone = MODELS.build(swin)
        dim = self.backbone.embed_dims
        sizes = [dim * 2 ** (min(i, 2) + 1) for i in range(4)]
        for kind in 'wb':
            layers = nn.ModuleList(nn.Linear(2, size) for size in sizes)
            setattr(self.backbone, f'semantic_embed_{kind}', layers)
        for i in range(3):
            setattr(self.backbone, f'norm{i}', nn.LayerNorm(dim * 2**i))
            merging = self.backbone.stages[i].downsample.reduction
            merging.register_forward_hook(lambda _, __, x, i=i: self.control(x, i))

    def control(self, x: Tensor, i: int) -> Tensor:
        semantic = torch.tensor([0.2, 0.8])
        scale = self.backbone.semantic_embed_w[i](semantic)
        return x * F.softplus(scale) + self.backbone.semantic_embed_b[i](semantic)

    def forward(self, x: Tensor) -> Tensor:
        return self.backbone(x)[0]
