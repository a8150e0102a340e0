from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

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


def draw_swin() -> dict[str, Tensor]:
    """A Swin transformer by its original names."""
    generator = torch.Generator().manual_seed(0)
    weights: dict[str, Tensor] = {}

    def draw(name: str, *shape: int) -> None:
        weights[name] = 0.3 * torch.randn(shape, generator=generator)

    def linear(name: str, out: int, into: int) -> None:
        draw(f'{name}.weight', out, into)
        draw(f'{name}.bias', out)

    def norm(name: str, size: int) -> None:
        draw(f'{name}.weight', size)
        draw(f'{name}.bias', size)

    draw('patch_embed.proj.weight', DIM, 3, 4, 4)
    draw('patch_embed.proj.bias', DIM)
    norm('patch_embed.norm', DIM)
    for i, depth in enumerate(DEPTHS):
        size = DIM * 2**i
        for j in range(depth):
            name = f'layers.{i}.blocks.{j}'
            norm(f'{name}.norm1', size)
            norm(f'{name}.norm2', size)
            linear(f'{name}.attn.qkv', 3 * size, size)
            linear(f'{name}.attn.proj', size, size)
            linear(f'{name}.mlp.fc1', 4 * size, size)
            linear(f'{name}.mlp.fc2', size, 4 * size)
            draw(f'{name}.attn.relative_position_bias_table', 9, HEADS)
            weights[f'{name}.attn.relative_position_index'] = torch.zeros(4, 4).long()
            weights[f'{name}.attn_mask'] = torch.zeros(1, 4, 4)
        if i < 3:
            norm(f'layers.{i}.downsample.norm', 4 * size)
            draw(f'layers.{i}.downsample.reduction.weight', 2 * size, 4 * size)
    norm('norm', size)
    linear('head', 5, size)
    return weights


def run_swin(w: dict[str, Tensor], image: Tensor) -> Tensor:
    """The last map after its norm; attention is over all pairs of tokens, masked."""

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], w[f'{name}.weight'], w[f'{name}.bias'])

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, w[f'{name}.weight'], w.get(f'{name}.bias'))

    def attention(x: Tensor, name: str, shift: int) -> Tensor:
        rows, columns, size = x.shape
        place = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
        difference = place[:, None] - place[None]
        window = (place - shift).div(WINDOW, rounding_mode='floor')
        same = (window[:, None] == window[None]).all(2)
        index = (difference + WINDOW - 1).clamp(0, 2 * WINDOW - 2)
        index = index[..., 0] * (2 * WINDOW - 1) + index[..., 1]
        q, k, v = linear(x.reshape(-1, size), f'{name}.qkv').chunk(3, 1)
        heads = []
        for h in range(HEADS):
            part = slice(h * size // HEADS, (h + 1) * size // HEADS)
            scores = q[:, part] @ k[:, part].T / (size / HEADS) ** 0.5
            scores = scores + w[f'{name}.relative_position_bias_table'][index, h]
            heads.append(scores.masked_fill(~same, -torch.inf).softmax(1) @ v[:, part])
        return linear(torch.cat(heads, 1), f'{name}.proj').reshape(x.shape)

    x = F.conv2d(
        image, w['patch_embed.proj.weight'], w['patch_embed.proj.bias'], stride=4
    )
    x = norm(x[0].permute(1, 2, 0), 'patch_embed.norm')
    for i, depth in enumerate(DEPTHS):
        for j in range(depth):
            name = f'layers.{i}.blocks.{j}'
            # one window is never shifted
            shift = WINDOW // 2 if j % 2 and len(x) > WINDOW else 0
            x = x + attention(norm(x, f'{name}.norm1'), f'{name}.attn', shift)
            hidden = F.gelu(linear(norm(x, f'{name}.norm2'), f'{name}.mlp.fc1'))
            x = x + linear(hidden, f'{name}.mlp.fc2')
        if i < 3:
            corners = [x[r::2, c::2] for c in (0, 1) for r in (0, 1)]
            name = f'layers.{i}.downsample'
            x = linear(norm(torch.cat(corners, 2), f'{name}.norm'), f'{name}.reduction')
    return norm(x, 'norm').permute(2, 0, 1)[None]


@pytest.mark.parametrize(
    ('prefix', 'last_norm'),
    [('model.', 'norm'), ('module.backbone.', 'norm3')],
    ids=['ISR', 'CION'],
)
@torch.no_grad()
def test_original_names(prefix: str, last_norm: str, tmp_path: Path) -> None:
    weights = draw_swin()
    state = {
        prefix + (name.replace('norm', last_norm) if name[:5] == 'norm.' else name): w
        for name, w in weights.items()
    }
    found = load(SWIN, dict(state_dict=state), tmp_path).backbone(IMAGE)[0]
    torch.testing.assert_close(found, run_swin(weights, IMAGE), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_embedding_of_isr(tmp_path: Path) -> None:
    weights = {f'model.{name}': w for name, w in draw_swin().items()}
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
        load(dict(SWIN, window_size=4), draw_swin(), tmp_path)
