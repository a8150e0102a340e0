from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from dynamix.models import convert_weights
from dynamix.registry import MODELS

from .loading import load
from .vit import DIM, GRID, VIT, draw_clip_vit, draw_vit, run_clip_vit, run_vit

IMAGE = torch.randn(1, 3, 32, 16, generator=torch.Generator().manual_seed(3))
CLIP = dict(
    VIT,
    pre_norm=True,
    norm_cfg=dict(type='LN', eps=1e-5),
    layer_cfgs=dict(act_cfg=dict(type='mmpretrain.QuickGELU')),
)
REGISTERS = dict(VIT, type='VisionTransformerRegisters', num_registers=3)


@torch.no_grad()
def test_dino(tmp_path: Path) -> None:
    weights = draw_vit()
    teacher = {f'module.backbone.{name}': w for name, w in weights.items()}
    student = {name: w + 1 for name, w in teacher.items()}
    head = {'module.head.last_layer.weight': torch.zeros(3)}
    checkpoint = dict(student=student, teacher={**teacher, **head}, epoch=3, loss=1.0)
    backbone = load(VIT, checkpoint, tmp_path).backbone
    torch.testing.assert_close(backbone(IMAGE)[0][0], run_vit(weights, IMAGE)[0])
    assert set(convert_weights(checkpoint)) == set(backbone.state_dict())


@pytest.mark.parametrize('registers', [0, 3])
@torch.no_grad()
def test_dinov2(registers: int, tmp_path: Path, logged: list[str]) -> None:
    weights = draw_vit(registers=registers, layer_scale=True)
    config = dict(REGISTERS if registers else VIT, layer_scale_init_value=1e-5)
    checkpoint = {**weights, 'mask_token': torch.zeros(1, DIM)}
    expected = run_vit(weights, IMAGE)
    backbone = load(config, checkpoint, tmp_path).backbone
    torch.testing.assert_close(backbone(IMAGE)[0][0], expected[0])
    assert any('left out: mask_token (1).' in line for line in logged)
    backbone = load(dict(config, out_type='featmap'), checkpoint, tmp_path).backbone
    maps = expected[1 + registers :].T.reshape(1, DIM, *GRID)
    torch.testing.assert_close(backbone(IMAGE)[0], maps)


@pytest.mark.parametrize('prefix', ['visual.', 'module.image_encoder.', ''])
@torch.no_grad()
def test_clip(prefix: str, tmp_path: Path, logged: list[str]) -> None:
    weights = draw_clip_vit()
    rest = {
        'text_encoder.transformer.resblocks.0.ln_1.weight': torch.zeros(7),
        'text_encoder.positional_embedding': torch.zeros(7, 7),
    }
    checkpoint = {f'{prefix}{k}': v for k, v in weights.items()} | rest
    backbone = load(CLIP, checkpoint, tmp_path).backbone
    torch.testing.assert_close(backbone(IMAGE)[0][0], run_clip_vit(weights, IMAGE))
    assert any('proj (1), text_encoder (2)' in line for line in logged)


def test_depth_of_register_tokens() -> None:
    backbone = MODELS.build(REGISTERS)
    depth = {
        name: backbone.get_layer_depth(f'a.{name}', 'a.')[0]
        for name in ('pre_norm.tokens', 'cls_token', 'layers.1.ln1.weight', 'ln1.bias')
    }
    assert list(depth.values()) == [0, 0, 2, 3]


@pytest.mark.parametrize(
    ('prefix', 'others'),
    [
        ('', ['head.weight', 'dist_token']),  # timm
        ('model.', ['model.mask_token', 'model.decoder_blocks.0.attn.qkv.weight']),
        ('state_dict.module.base_encoder.', ['state_dict.module.momentum_encoder.x']),
        ('base.', ['classifier.weight', 'base.cls_token_2']),  # TransReID
        ('model.backbone.', ['model.heads.weight', 'optimizer.state.0.exp_avg']),
    ],
)
def test_wrappers(prefix: str, others: list[str]) -> None:
    weights = draw_vit()
    flat = {prefix + name: w for name, w in weights.items()}
    flat.update((name, torch.zeros(1)) for name in others)
    if 'base_encoder' in prefix:
        names = [name.replace('base_', 'momentum_') for name in flat]
        flat.update((name, torch.zeros(1)) for name in names)
    found = convert_weights(flat)
    assert len(found) == len(weights)
    fc1 = flat[f'{prefix}blocks.1.mlp.fc1.bias']
    assert found['layers.1.ffn.layers.0.0.bias'] is fc1


def test_two_of_mmpretrain_in_one_file(tmp_path: Path) -> None:
    source = load(VIT, draw_vit(), tmp_path).backbone.state_dict()
    state = {f'backbone.{k}': v for k, v in source.items()}
    state['head.layers.head.weight'] = torch.zeros(1)
    double = dict(state_dict=state, ema_state_dict={k: v + 1 for k, v in state.items()})
    with pytest.raises(ValueError, match=r'found 2, under .* choose by'):
        load(VIT, double, tmp_path)
    backbone = load(VIT, double, tmp_path, '#ema_state_dict.backbone.').backbone
    for name, value in source.items():
        torch.testing.assert_close(backbone.state_dict()[name], value + 1)


def position_maps(embeddings: Tensor, grid: tuple[int, int]) -> Tensor:
    return embeddings[0, 1:].T.reshape(1, DIM, *grid)


@pytest.mark.parametrize(
    ('num_patches', 'suffix', 'grid'),
    [(784, '', (28, 28)), (64, '?grid=16x4', (16, 4)), (64, '?grid=8x8', (8, 8))],
)
def test_position_embeddings_of_another_grid(
    num_patches: int, suffix: str, grid: tuple[int, int], tmp_path: Path
) -> None:
    """28 x 28 patches of 8 pixels are an image of 224 pixels."""
    weights = draw_vit(num_patches)
    found = load(VIT, weights, tmp_path, suffix).backbone.pos_embed
    maps = position_maps(weights['pos_embed'], grid)
    expected = torch.nn.functional.interpolate(maps, GRID, mode='bicubic')
    torch.testing.assert_close(position_maps(found, GRID), expected)
    torch.testing.assert_close(found[:, 0], weights['pos_embed'][:, 0])


def test_position_embeddings_of_an_image_that_is_padded(tmp_path: Path) -> None:
    """As with DINOv2's patches of 14 pixels, which do not divide 256."""
    backbone = load(dict(VIT, img_size=(36, 20)), draw_vit(784), tmp_path).backbone
    assert backbone.patch_embed.init_out_size == (5, 3)
    assert backbone.pos_embed.shape == (1, 16, DIM)


@pytest.mark.parametrize(
    ('num_patches', 'suffix'),
    [(64, ''), (10, ''), (64, '?grid=16x8'), (8, '?grid=3x3')],
)
def test_a_grid_that_is_not_known_is_refused(
    num_patches: int, suffix: str, tmp_path: Path
) -> None:
    weights = draw_vit(num_patches)
    says = rf'weights\.pth: its {num_patches} position .* 4 x 2 .*\?grid=ROWSxCOLUMNS'
    with pytest.raises(ValueError, match=says):
        load(VIT, weights, tmp_path, suffix)
