from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import SwinTransformer

from dynamix.registry import MODELS

from .loading import load

DIM, HEADS, WINDOW, DEPTHS = 8, 2, 2, (2, 2, 1, 2)
SWIN = dict(
    type='mmpretrain.SwinTransformer',
    arch=dict(embed_dims=DIM, depths=DEPTHS, num_heads=[HEADS] * 4),
    img_size=64,
    window_size=WINDOW,
)
IMAGE = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))


NAMES = (
    (r'^features\.0\.0\.', 'patch_embed.proj.'),
    (r'^features\.0\.2\.', 'patch_embed.norm.'),
    (r'^features\.([1357])\.', lambda m: f'layers.{int(m[1]) // 2}.blocks.'),
    (r'^features\.([246])\.', lambda m: f'layers.{int(m[1]) // 2 - 1}.downsample.'),
    (r'\.mlp\.0\.', '.mlp.fc1.'),
    (r'\.mlp\.3\.', '.mlp.fc2.'),
)


def draw_swin() -> tuple[Tensor, dict[str, Tensor]]:
    """Last map of torchvision's Swin, and its weights by their original names."""
    torch.manual_seed(0)
    model = SwinTransformer([4, 4], DIM, [*DEPTHS], [HEADS] * 4, [WINDOW] * 2).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    weights = {}
    for name, weight in model.state_dict().items():
        for pattern, ours in NAMES:
            name = re.sub(pattern, ours, name)
        weights[name] = weight
        if name.endswith('relative_position_index'):
            weights[name.replace('attn.relative_position_index', 'attn_mask')] = weight
    return model.norm(model.features(IMAGE)).permute(0, 3, 1, 2), weights


@pytest.mark.parametrize(
    ('prefix', 'last_norm'),
    [('model.', 'norm'), ('module.backbone.', 'norm3')],
    ids=['ISR', 'CION'],
)
@torch.no_grad()
def test_original_names(prefix: str, last_norm: str, tmp_path: Path) -> None:
    expected, weights = draw_swin()
    state = {
        prefix + (name.replace('norm', last_norm) if name[:5] == 'norm.' else name): w
        for name, w in weights.items()
    }
    found = load(SWIN, dict(state_dict=state), tmp_path).backbone(IMAGE)[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_embedding_of_isr(tmp_path: Path) -> None:
    weights = {f'model.{name}': w for name, w in draw_swin()[1].items()}
    feat = {'feat.weight': torch.rand(6, 8 * DIM), 'feat.bias': torch.rand(6)}
    neck = dict(
        type='mmpretrain.LinearNeck',
        in_channels=8 * DIM,
        out_channels=6,
        gap_dim=2,
        norm_cfg=None,
    )
    encoder = load(SWIN, dict(state_dict=weights | feat), tmp_path, neck=neck)
    pooled = encoder.backbone(IMAGE)[0].mean((2, 3))
    expected = F.linear(pooled, feat['feat.weight'], feat['feat.bias'])
    torch.testing.assert_close(encoder(IMAGE), expected)


def draw_solider() -> tuple[nn.Module, dict[str, Tensor]]:
    """A backbone with scaled and shifted patch merging, and SOLIDER's file of it."""
    torch.manual_seed(0)
    plain = MODELS.build(SWIN)
    plain.eval()
    for parameter in plain.parameters():
        nn.init.normal_(parameter, std=0.3)
    state = {f'backbone.{name}': w for name, w in plain.state_dict().items()}
    for i in range(3):
        state[f'backbone.norm{i}.weight'] = torch.zeros(DIM * 2**i)
        state[f'backbone.norm{i}.bias'] = torch.zeros(DIM * 2**i)
    semantic = torch.tensor([0.2, 0.8])
    for i in range(4):
        size = DIM * 2 ** (min(i, 2) + 1)
        scale, shift = nn.Linear(2, size), nn.Linear(2, size)
        for kind, layer in (('w', scale), ('b', shift)):
            for name, w in layer.state_dict().items():
                state[f'backbone.semantic_embed_{kind}.{i}.{name}'] = w
        if i < 3:
            plain.stages[i].downsample.reduction.register_forward_hook(
                lambda _, __, x, scale=scale, shift=shift: (
                    x * F.softplus(scale(semantic)) + shift(semantic)
                )
            )
    return plain, state


@torch.no_grad()
def test_solider(tmp_path: Path) -> None:
    plain, state = draw_solider()
    checkpoint = dict(teacher=state, student={k: w + 1 for k, w in state.items()})
    config = dict(SWIN, stage_cfgs=dict(downsample_cfg=dict(bias=True)))
    found = load(config, checkpoint, tmp_path).backbone(IMAGE)[0]
    torch.testing.assert_close(found, plain(IMAGE)[0], rtol=1e-4, atol=1e-4)


def test_solider_needs_a_bias_in_patch_merging(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"no 'stages\.0\.downsample\.reduction\.bias'"
    ):
        load(SWIN, draw_solider()[1], tmp_path)


def test_another_window_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='relative_position_bias_table'):
        load(dict(SWIN, window_size=4), draw_swin()[1], tmp_path)
