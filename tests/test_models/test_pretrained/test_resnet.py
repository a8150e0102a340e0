from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dynamix.registry import MODELS

from .loading import load

RESNET = dict(type='mmpretrain.ResNet', depth=18, base_channels=8, stem_channels=8)
IMAGES = torch.randn(2, 3, 64, 32, generator=torch.Generator().manual_seed(3))


def draw(backbone: dict) -> dict[str, Tensor]:
    """Weights of a backbone whose names are those of torchvision."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: value + torch.rand(value.shape, generator=generator)
        if value.is_floating_point()
        else value
        for name, value in MODELS.build(backbone).state_dict().items()
    }


def check(backbone: dict, weights: dict, checkpoint: dict, folder: Path) -> None:
    found = load(backbone, checkpoint, folder).backbone.state_dict()
    for name, value in weights.items():
        torch.testing.assert_close(found[name], value)


def test_moco(tmp_path: Path) -> None:
    weights = draw(RESNET)
    query = {f'module.encoder_q.{k}': v for k, v in weights.items()}
    key = {k.replace('encoder_q', 'encoder_k'): v + 1 for k, v in query.items()}
    rest = {'module.encoder_q.fc.0.weight': torch.zeros(2, 2)}
    state = query | key | rest | {'module.queue': torch.zeros(2, 2)}
    check(RESNET, weights, dict(state_dict=state, arch='resnet18'), tmp_path)


def test_cion(tmp_path: Path) -> None:
    """CION stores DINO's two networks; its ResNets have IBN-a."""
    config = dict(RESNET, type='ResNetIBN')
    weights = draw(config)
    teacher = {f'module.backbone.{k}': v for k, v in weights.items()}
    student = {k: v + 1 for k, v in teacher.items()}
    teacher['module.head.mlp.0.weight'] = torch.zeros(2, 2)
    check(config, weights, dict(student=student, teacher=teacher, epoch=3), tmp_path)


def fast_reid(weights: dict[str, Tensor]) -> dict:
    generator = torch.Generator().manual_seed(1)
    neck = {
        f'heads.bottleneck.0.{name}': torch.rand(64, generator=generator) + 0.5
        for name in ('weight', 'running_mean', 'running_var')
    }
    neck['heads.bottleneck.0.bias'] = torch.zeros(64)
    neck['heads.bottleneck.0.num_batches_tracked'] = torch.tensor(5)
    rest = {
        'heads.weight': torch.zeros(5, 64),
        'pixel_mean': torch.tensor([123.675, 116.28, 103.53]).reshape(1, 3, 1, 1),
        'pixel_std': torch.tensor([58.395, 57.12, 57.375]).reshape(1, 3, 1, 1),
    }
    backbone = {f'backbone.{name}': value for name, value in weights.items()}
    return dict(model=backbone | neck | rest, iteration=4)


@torch.no_grad()
def test_fast_reid(tmp_path: Path, logged: list[str]) -> None:
    weights = draw(RESNET)
    checkpoint = fast_reid(weights)
    pooling = dict(type='mmpretrain.GlobalAveragePooling')
    neck = dict(type='BNNeck', in_channels=64, pooling=pooling)
    encoder = load(RESNET, checkpoint, tmp_path, neck=neck)
    mean = encoder.backbone(IMAGES)[0].mean((2, 3))
    w = {
        name: checkpoint['model'][f'heads.bottleneck.0.{name}']
        for name in ('running_mean', 'running_var', 'weight')
    }
    expected = F.batch_norm(mean, w['running_mean'], w['running_var'], w['weight'])
    torch.testing.assert_close(encoder(IMAGES), expected)
    torch.testing.assert_close(encoder.backbone.conv1.weight, weights['conv1.weight'])
    left_out = 'left out: heads (6), pixel_mean (1), pixel_std (1)'
    assert any(left_out in line for line in logged)


@pytest.mark.parametrize('name', ['NL_2.0.g.weight', 'layer1.0.se.fc1.weight'])
def test_blocks_that_a_resnet_lacks_are_refused(name: str, tmp_path: Path) -> None:
    weights = draw(RESNET) | {name: torch.zeros(1)}
    with pytest.raises(ValueError, match=f"expected no '{name}', but it is there"):
        load(RESNET, fast_reid(weights), tmp_path)


def draw_clip_resnet(width: int) -> dict[str, Tensor]:
    """ResNet-50 by the names of CLIP."""
    generator = torch.Generator().manual_seed(0)
    weights: dict[str, Tensor] = {}

    def unit(conv: str, bn: str, out: int, into: int, side: int = 1) -> None:
        shape = (out, into, side, side)
        scale = (2 / (into * side * side)) ** 0.5
        weights[f'{conv}.weight'] = scale * torch.randn(shape, generator=generator)
        for name in ('weight', 'bias', 'running_mean', 'running_var'):
            weights[f'{bn}.{name}'] = torch.rand(out, generator=generator) + 0.5
        weights[f'{bn}.num_batches_tracked'] = torch.tensor(1)

    for i, (out, into) in enumerate(
        [(width // 2, 3), (width // 2,) * 2, (width, width // 2)]
    ):
        unit(f'conv{i + 1}', f'bn{i + 1}', out, into, 3)
    into = width
    for stage, count in enumerate((3, 4, 6, 3)):
        mid = width * 2**stage
        for i in range(count):
            name = f'layer{stage + 1}.{i}'
            unit(f'{name}.conv1', f'{name}.bn1', mid, into)
            unit(f'{name}.conv2', f'{name}.bn2', mid, mid, 3)
            unit(f'{name}.conv3', f'{name}.bn3', 4 * mid, mid)
            if i == 0:
                unit(f'{name}.downsample.0', f'{name}.downsample.1', 4 * mid, into)
            into = 4 * mid
    weights['attnpool.positional_embedding'] = torch.zeros(3, into)
    weights['attnpool.c_proj.weight'] = torch.zeros(2, into)
    return weights


def run_clip_resnet(
    w: dict[str, Tensor], x: Tensor, strides: tuple[int, ...]
) -> Tensor:
    def unit(x: Tensor, conv: str, bn: str, stride: int = 1) -> Tensor:
        side = w[f'{conv}.weight'].shape[-1]
        x = F.conv2d(x, w[f'{conv}.weight'], stride=stride, padding=side // 2)
        names = ('running_mean', 'running_var', 'weight', 'bias')
        return F.batch_norm(x, *(w[f'{bn}.{name}'] for name in names))

    for i in (1, 2, 3):
        x = unit(x, f'conv{i}', f'bn{i}', 2 if i == 1 else 1).relu()
    x = F.avg_pool2d(x, 2)
    for stage, count in enumerate((3, 4, 6, 3)):
        for i in range(count):
            name = f'layer{stage + 1}.{i}'
            stride = strides[stage] if i == 0 else 1
            y = unit(x, f'{name}.conv1', f'{name}.bn1').relu()
            y = unit(y, f'{name}.conv2', f'{name}.bn2').relu()
            y = unit(F.avg_pool2d(y, stride), f'{name}.conv3', f'{name}.bn3')
            if i == 0:
                x = F.avg_pool2d(x, stride)
                x = unit(x, f'{name}.downsample.0', f'{name}.downsample.1')
            x = (x + y).relu()
    return x


@pytest.mark.parametrize('strides', [(1, 2, 2, 1), (1, 2, 2, 2)])
@torch.no_grad()
def test_clip_resnet(strides: tuple[int, ...], tmp_path: Path) -> None:
    weights = draw_clip_resnet(width=8)
    config = dict(
        type='CLIPResNet', depth=50, base_channels=8, stem_channels=8, strides=strides
    )
    checkpoint = {f'module.image_encoder.{k}': v for k, v in weights.items()}
    checkpoint['module.text_encoder.positional_embedding'] = torch.zeros(2)
    found = load(config, checkpoint, tmp_path).backbone(IMAGES)[0]
    expected = run_clip_resnet(weights, IMAGES, strides)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
