"""Backbones and necks of other projects' files compute what the originals compute."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import pytest
import torch
from mmengine.config import Config
from torch import Tensor, nn

from dynamix.models import ReIDEncoder
from dynamix.registry import MODELS

from . import originals, torchreid
from .loading import CLIP, OSNET, REGISTERS, RESNET, SWIN, VIT, load
from .originals import GRID, randomize

State = dict[str, Tensor]
ZERO = torch.zeros(1)


def put(state: State, prefix: str, plus: float = 0) -> State:
    """The same weights under other names, perhaps changed."""
    return {f'{prefix}{name}': weight + plus for name, weight in state.items()}


def dino(state: State, prefix: str = 'module.backbone.') -> dict:
    head = {'module.head.mlp.0.weight': ZERO}
    teacher = put(state, prefix) | head
    return dict(student=put(teacher, '', 1), teacher=teacher, epoch=3, loss=1.0)


def moco(state: State) -> dict:
    both = put(state, 'module.encoder_q.') | put(state, 'module.encoder_k.', 1)
    rest = {'module.encoder_q.fc.0.weight': ZERO, 'module.queue': ZERO}
    return dict(state_dict=both | rest, arch='resnet18')


def fast_reid(state: State) -> dict:
    rest = {'heads.weight': ZERO, 'pixel_mean': ZERO, 'pixel_std': ZERO}
    return dict(model=put(state, 'backbone.') | rest, iteration=4)


def cion_swin(state: State) -> dict:
    return dino({re.sub(r'^norm\.', 'norm3.', name): w for name, w in state.items()})


def clip_reid(state: State) -> State:
    rest = {'module.text_encoder.positional_embedding': ZERO}
    return put(state, 'module.image_encoder.') | rest


class Case(NamedTuple):
    """One kind of file.

    Args:
        original (Callable): Makes the network.
        backbone (dict): Our config.
        wrap (Callable): Makes the file of the network's weights.
        left_out (str): What the log says.
        output (Callable): Of the original's output, what our backbone returns.
    """

    original: Callable[[], nn.Module]
    backbone: dict
    wrap: Callable[[State], Any]
    left_out: str = 'nothing'
    output: Callable[[Tensor], Tensor] = lambda x: x


def resnet(type_: str, wrap: Callable[[State], Any], left_out: str) -> Case:
    """MMPretrain's and our ResNets have the names of torchvision and IBN-Net."""
    config = dict(RESNET, type=type_)
    return Case(lambda: MODELS.build(config), config, wrap, left_out)


def first_token(x: Tensor) -> Tensor:
    return x[:, 0]


def osnet(width: float, variant: str, wrap: Callable, left_out: str) -> Case:
    return Case(
        lambda: torchreid.OSNet(width, variant),
        dict(OSNET, widen_factor=width, variant=variant),
        wrap,
        left_out,
    )


def clip_resnet(*strides: int) -> Case:
    width = dict(depth=50, base_channels=8, stem_channels=8)
    return Case(
        lambda: originals.CLIPResNet(8, strides),
        dict(type='CLIPResNet', **width, strides=strides),
        lambda w: clip_reid(w | {'attnpool.c_proj.weight': ZERO}),
        'attnpool (1), text_encoder (1)',
    )


def map_of(registers: int) -> Callable[[Tensor], Tensor]:
    return lambda x: x[:, 1 + registers :].mT.unflatten(2, GRID)


FC = {'fc.0.weight': ZERO, 'classifier.weight': ZERO}
SCALED = dict(layer_scale_init_value=1e-5)
BIASED = dict(SWIN, stage_cfgs=dict(downsample_cfg=dict(bias=True)))
CASES = {
    'OSNet x0.25': osnet(
        0.25, 'plain', lambda w: put(w | FC, 'module.'), 'classifier (1), fc (1)'
    ),
    'OSNet-IBN x0.5': osnet(
        0.5, 'ibn', lambda w: dict(state_dict=w | FC, epoch=60, rank1=0.5), 'fc (1)'
    ),
    'OSNet-AIN x0.75': osnet(0.75, 'ain', dict, 'nothing'),
    'OSNet x1.0': osnet(1.0, 'plain', dict, 'nothing'),
    'MoCo': resnet('mmpretrain.ResNet', moco, 'fc (1)'),
    'CION ResNet-IBN': resnet('ResNetIBN', dino, 'head (1)'),
    'fast-reid': resnet(
        'mmpretrain.ResNet', fast_reid, 'heads (1), pixel_mean (1), pixel_std (1)'
    ),
    'CLIP-ReID ResNet': clip_resnet(1, 2, 2, 1),
    'CLIP ResNet': clip_resnet(1, 2, 2, 2),
    'DINO': Case(originals.ViT, VIT, dino, 'head (1)', first_token),
    'TransReID-SSL': Case(
        lambda: originals.ViT(ics=True),
        dict(VIT, type='VisionTransformerICS'),
        dino,
        'head (1)',
        first_token,
    ),
    'DINOv2': Case(
        lambda: originals.ViT(scale=originals.Scale),
        dict(VIT, **SCALED),
        lambda w: w | dict(mask_token=ZERO),
        'mask_token (1).',
        first_token,
    ),
    'DINOv2 with registers': Case(
        lambda: originals.ViT(scale=originals.Scale, registers=3),
        dict(REGISTERS, **SCALED),
        lambda w: w | dict(mask_token=ZERO),
        'mask_token (1).',
        first_token,
    ),
    'a map of DINOv2 with registers': Case(
        lambda: originals.ViT(scale=originals.Scale, registers=3),
        dict(REGISTERS, **SCALED, out_type='featmap'),
        dict,
        'nothing',
        map_of(3),
    ),
    'CLIP ViT': Case(
        originals.CLIPViT,
        CLIP,
        lambda w: put(w, 'visual.') | dict(positional_embedding=ZERO),
        'positional_embedding (1), proj (1)',
    ),
    'CLIP-ReID ViT': Case(originals.CLIPViT, CLIP, clip_reid, 'text_encoder (1)'),
    'ISR Swin': Case(
        originals.Swin, SWIN, lambda w: dict(state_dict=put(w, 'model.')), 'layers'
    ),
    'CION Swin': Case(originals.Swin, SWIN, cion_swin, 'head (3)'),
    'SOLIDER': Case(
        lambda: originals.Solider(SWIN),
        BIASED,
        lambda w: dino(w, ''),
        'norm0',
    ),
}


@pytest.mark.parametrize('name', CASES)
@torch.no_grad()
def test_features(name: str, tmp_path: Path, logged: list[str]) -> None:
    case = CASES[name]
    original = randomize(case.original())
    images = torch.rand(2, 3, *case.backbone.get('img_size', (64, 32)))
    found = original(images)
    expected = case.output(found[0] if isinstance(found, tuple) else found)
    assert expected.std() > 0.05
    checkpoint = case.wrap(original.state_dict())
    backbone = load(case.backbone, checkpoint, tmp_path).backbone
    torch.testing.assert_close(backbone(images)[0], expected, rtol=1e-4, atol=1e-4)
    (line,) = (line for line in logged if 'left out: ' in line)
    assert case.left_out in line.partition('left out: ')[2]


def linear_neck(**options: Any) -> dict:
    sizes = dict(in_channels=64, out_channels=6, gap_dim=2)
    return dict(type='mmpretrain.LinearNeck', **sizes, **options)


BN_NECK = dict(
    type='BNNeck', in_channels=64, pooling=dict(type='mmpretrain.GlobalAveragePooling')
)
NECKS = {
    'fc.': (
        nn.Sequential(nn.Linear(64, 6), nn.BatchNorm1d(6), nn.ReLU()),
        linear_neck(act_cfg=dict(type='ReLU')),
    ),
    'feat.': (nn.Linear(64, 6), linear_neck(norm_cfg=None)),
    'heads.bottleneck.0.': (nn.BatchNorm1d(64), BN_NECK),
    'bottleneck.': (nn.BatchNorm1d(64), BN_NECK),
}


@pytest.mark.parametrize('prefix', NECKS)
@torch.no_grad()
def test_necks(prefix: str, tmp_path: Path) -> None:
    """Of torchreid, ISR, fast-reid and TransReID."""
    original, config = NECKS[prefix]
    state = put(randomize(original).state_dict(), prefix)
    state |= put(MODELS.build(RESNET).state_dict(), 'backbone.')
    encoder = load(RESNET, dict(model=state), tmp_path, neck=config)
    images = torch.rand(2, 3, 64, 32)
    expected = original(encoder.backbone(images)[0].mean((2, 3)))
    torch.testing.assert_close(encoder(images), expected)


@torch.no_grad()
def test_osnet_equals_the_onnx_file_of_the_same_weights(real_data: Path) -> None:
    path = real_data / 'weights' / 'osnet_x0_25_msmt17.pth'
    images = torch.randn(2, 3, 256, 128, generator=torch.Generator().manual_seed(0))
    network = cv2.dnn.readNetFromONNX(str(path.with_suffix('.onnx')))
    network.setInput(images.numpy())
    expected = torch.from_numpy(network.forward())
    configs = Path(__file__).parents[3] / 'configs'
    model = Config.fromfile(configs / '_base_/models/osnet_x0_25.py').model
    model.backbone.init_cfg.checkpoint = f'reid://{path}'
    model.neck.init_cfg.checkpoint = f'reid-neck://{path}'
    encoder = ReIDEncoder(model.backbone, model.neck)
    encoder.init_weights()
    assert expected.shape == (2, 512)
    found = encoder.eval()(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_timm(tmp_path: Path) -> None:
    """timm reads it, fits its position embeddings and drops the classifier."""
    timm = pytest.importorskip('timm')
    source = timm.create_model('vit_tiny_patch16_224', depth=1, num_classes=5).eval()
    torch.save(dict(state_dict=source.state_dict()), tmp_path / 'timm.pth')
    backbone = dict(
        type='mmpretrain.TIMMBackbone',
        model_name='vit_tiny_patch16_224',
        depth=1,
        img_size=(112, 448),
        pretrained=True,
        pretrained_cfg_overlay=dict(file=str(tmp_path / 'timm.pth')),
        num_classes=0,
    )
    encoder = ReIDEncoder(backbone, dict(type='BNNeck', in_channels=192)).eval()
    encoder.init_weights()
    found, expected = encoder.backbone.timm_model.state_dict(), source.state_dict()
    qkv = 'blocks.0.attn.qkv.weight'
    torch.testing.assert_close(found[qkv], expected[qkv])
    grid = expected['pos_embed'][:, 1:].mT.unflatten(2, (14, 14))
    fitted = nn.functional.interpolate(grid, (7, 28), mode='bicubic', antialias=True)
    torch.testing.assert_close(found['pos_embed'][:, 1:], fitted.flatten(2).mT)
    assert encoder(torch.rand(2, 3, 112, 448)).shape == (2, 192)
