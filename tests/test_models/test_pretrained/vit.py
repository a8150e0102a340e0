"""Small vision transformers as others store them, and what their weights mean."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DIM, HEADS, DEPTH, GRID = 24, 3, 2, (4, 2)
VIT = dict(
    type='mmpretrain.VisionTransformer',
    arch=dict(
        embed_dims=DIM, num_layers=DEPTH, num_heads=HEADS, feedforward_channels=2 * DIM
    ),
    img_size=(32, 16),
    patch_size=8,
)
# of one layer: by PyTorch, by timm, by CLIP
TORCH = ('self_attn.in_proj_', 'self_attn.out_proj.', 'linear1.', 'linear2.')
TORCH += ('norm1.', 'norm2.')
TIMM = ('attn.qkv.', 'attn.proj.', 'mlp.fc1.', 'mlp.fc2.', 'norm1.', 'norm2.')
CLIP = ('attn.in_proj_', 'attn.out_proj.', 'mlp.c_fc.', 'mlp.c_proj.', 'ln_1.', 'ln_2.')
SIZES = ((3 * DIM, DIM), (DIM, DIM), (2 * DIM, DIM), (DIM, 2 * DIM), (DIM,), (DIM,))


def draw(shapes: dict[str, tuple[int, ...]], prefix: str, names: tuple) -> dict:
    """Random weights of these shapes and of all layers."""
    for k in range(DEPTH):
        for name, size in zip(names, SIZES):
            shapes[f'{prefix}{k}.{name}weight'] = size
            shapes[f'{prefix}{k}.{name}bias'] = size[:1]
    generator = torch.Generator().manual_seed(0)
    return {k: 0.3 * torch.randn(v, generator=generator) for k, v in shapes.items()}


def run_layers(
    w: dict[str, Tensor], prefix: str, names: tuple, x: Tensor, **options: Any
) -> Tensor:
    for k in range(DEPTH):
        layer = nn.TransformerEncoderLayer(
            DIM, HEADS, 2 * DIM, batch_first=True, norm_first=True, **options
        ).eval()
        state = {
            ours + kind: w[f'{prefix}{k}.{theirs}{kind}']
            for ours, theirs in zip(TORCH, names)
            for kind in ('weight', 'bias')
        }
        for scale, ours in (('ls1', TORCH[1]), ('ls2', TORCH[3])):
            gamma = w.get(f'{prefix}{k}.{scale}.gamma', torch.ones(DIM))
            state[f'{ours}weight'] = gamma[:, None] * state[f'{ours}weight']
            state[f'{ours}bias'] = gamma * state[f'{ours}bias']
        layer.load_state_dict(state)
        x = layer(x[None])[0]
    return x


def draw_vit(
    num_patches: int = 8, registers: int = 0, layer_scale: bool = False
) -> dict[str, Tensor]:
    """By the names of timm."""
    shapes: dict[str, tuple[int, ...]] = {
        'cls_token': (1, 1, DIM),
        'pos_embed': (1, 1 + num_patches, DIM),
        'patch_embed.proj.weight': (DIM, 3, 8, 8),
        'patch_embed.proj.bias': (DIM,),
        'norm.weight': (DIM,),
        'norm.bias': (DIM,),
    }
    if registers:
        shapes['register_tokens'] = (1, registers, DIM)
    if layer_scale:
        names = [
            f'blocks.{k}.{ls}.gamma' for k in range(DEPTH) for ls in ('ls1', 'ls2')
        ]
        shapes |= dict.fromkeys(names, (DIM,))
    return draw(shapes, 'blocks.', TIMM)


def run_vit(w: dict[str, Tensor], image: Tensor) -> Tensor:
    """All tokens after the last norm, ``[1 + registers + patches, DIM]``."""
    patches = F.conv2d(
        image, w['patch_embed.proj.weight'], w['patch_embed.proj.bias'], stride=8
    )
    tokens = torch.cat([w['cls_token'][0], patches[0].flatten(1).T])
    x = tokens + w['pos_embed'][0]
    if 'register_tokens' in w:
        x = torch.cat([x[:1], w['register_tokens'][0], x[1:]])
    x = run_layers(w, 'blocks.', TIMM, x, activation='gelu', layer_norm_eps=1e-6)
    return F.layer_norm(x, (DIM,), w['norm.weight'], w['norm.bias'], 1e-6)


def draw_clip_vit(num_patches: int = 8) -> dict[str, Tensor]:
    """The visual part of CLIP by its original names."""
    shapes: dict[str, tuple[int, ...]] = {
        'class_embedding': (DIM,),
        'positional_embedding': (1 + num_patches, DIM),
        'conv1.weight': (DIM, 3, 8, 8),
        'proj': (DIM, 5),
    }
    for name in ('ln_pre', 'ln_post'):
        shapes |= {f'{name}.weight': (DIM,), f'{name}.bias': (DIM,)}
    return draw(shapes, 'transformer.resblocks.', CLIP)


def run_clip_vit(w: dict[str, Tensor], image: Tensor) -> Tensor:
    """The class token after the last norm, ``[DIM]``."""

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (DIM,), w[f'{name}.weight'], w[f'{name}.bias'])

    patches = F.conv2d(image, w['conv1.weight'], stride=8)[0].flatten(1).T
    x = torch.cat([w['class_embedding'][None], patches]) + w['positional_embedding']
    x = run_layers(
        w,
        'transformer.resblocks.',
        CLIP,
        norm(x, 'ln_pre'),
        activation=lambda y: y * torch.sigmoid(1.702 * y),
    )
    return norm(x, 'ln_post')[0]
