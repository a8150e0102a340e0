"""A small vision transformer as timm stores it, and what its weights mean."""

from __future__ import annotations

import torch
from torch import Tensor
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


def draw(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {k: 0.3 * torch.randn(v, generator=generator) for k, v in shapes.items()}


def draw_vit(
    num_patches: int = 8, registers: int = 0, layer_scale: bool = False
) -> dict[str, Tensor]:
    shapes = {
        'cls_token': (1, 1, DIM),
        'pos_embed': (1, 1 + num_patches, DIM),
        'patch_embed.proj.weight': (DIM, 3, 8, 8),
        'patch_embed.proj.bias': (DIM,),
        'norm.weight': (DIM,),
        'norm.bias': (DIM,),
    }
    if registers:
        shapes['register_tokens'] = (1, registers, DIM)
    for k in range(DEPTH):
        for name, rows, columns in (
            ('attn.qkv', 3 * DIM, DIM),
            ('attn.proj', DIM, DIM),
            ('mlp.fc1', 2 * DIM, DIM),
            ('mlp.fc2', DIM, 2 * DIM),
        ):
            shapes[f'blocks.{k}.{name}.weight'] = (rows, columns)
            shapes[f'blocks.{k}.{name}.bias'] = (rows,)
        for name in ('norm1', 'norm2'):
            shapes[f'blocks.{k}.{name}.weight'] = (DIM,)
            shapes[f'blocks.{k}.{name}.bias'] = (DIM,)
        for name in ('ls1', 'ls2') if layer_scale else ():
            shapes[f'blocks.{k}.{name}.gamma'] = (DIM,)
    return draw(shapes)


def run_vit(w: dict[str, Tensor], image: Tensor) -> Tensor:
    """All tokens after the last norm, ``[1 + registers + patches, DIM]``."""

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (DIM,), w[f'{name}.weight'], w[f'{name}.bias'], 1e-6)

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ w[f'{name}.weight'].T + w[f'{name}.bias']

    def scale(x: Tensor, name: str) -> Tensor:
        return x * w.get(f'{name}.gamma', torch.ones(()))

    patches = F.conv2d(
        image, w['patch_embed.proj.weight'], w['patch_embed.proj.bias'], stride=8
    )
    tokens = [w['cls_token'][0, 0]]
    tokens += [patches[0, :, i, j] for i in range(GRID[0]) for j in range(GRID[1])]
    x = torch.stack(tokens) + w['pos_embed'][0]
    if 'register_tokens' in w:
        x = torch.cat([x[:1], w['register_tokens'][0], x[1:]])
    for k in range(DEPTH):
        name = f'blocks.{k}'
        q, key, value = linear(norm(x, f'{name}.norm1'), f'{name}.attn.qkv').chunk(3, 1)
        heads = []
        for h in range(HEADS):
            part = slice(h * DIM // HEADS, (h + 1) * DIM // HEADS)
            scores = q[:, part] @ key[:, part].T / (DIM // HEADS) ** 0.5
            heads.append(scores.softmax(1) @ value[:, part])
        attended = linear(torch.cat(heads, 1), f'{name}.attn.proj')
        x = x + scale(attended, f'{name}.ls1')
        hidden = F.gelu(linear(norm(x, f'{name}.norm2'), f'{name}.mlp.fc1'))
        x = x + scale(linear(hidden, f'{name}.mlp.fc2'), f'{name}.ls2')
    return norm(x, 'norm')


def draw_clip_vit(num_patches: int = 8) -> dict[str, Tensor]:
    """The visual part of CLIP by its original names."""
    shapes = {
        'class_embedding': (DIM,),
        'positional_embedding': (1 + num_patches, DIM),
        'conv1.weight': (DIM, 3, 8, 8),
        'proj': (DIM, 5),
    }
    for name in ('ln_pre', 'ln_post'):
        shapes |= {f'{name}.weight': (DIM,), f'{name}.bias': (DIM,)}
    for k in range(DEPTH):
        name = f'transformer.resblocks.{k}'
        shapes |= {
            f'{name}.attn.in_proj_weight': (3 * DIM, DIM),
            f'{name}.attn.in_proj_bias': (3 * DIM,),
            f'{name}.attn.out_proj.weight': (DIM, DIM),
            f'{name}.attn.out_proj.bias': (DIM,),
            f'{name}.mlp.c_fc.weight': (2 * DIM, DIM),
            f'{name}.mlp.c_fc.bias': (2 * DIM,),
            f'{name}.mlp.c_proj.weight': (DIM, 2 * DIM),
            f'{name}.mlp.c_proj.bias': (DIM,),
        }
        for ln in ('ln_1', 'ln_2'):
            shapes |= {f'{name}.{ln}.weight': (DIM,), f'{name}.{ln}.bias': (DIM,)}
    return draw(shapes)


def run_clip_vit(w: dict[str, Tensor], image: Tensor) -> Tensor:
    """The class token after the last norm, ``[DIM]``."""

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (DIM,), w[f'{name}.weight'], w[f'{name}.bias'])

    patches = F.conv2d(image, w['conv1.weight'], stride=8)[0].flatten(1).T
    x = torch.cat([w['class_embedding'][None], patches]) + w['positional_embedding']
    x = norm(x, 'ln_pre')
    for k in range(DEPTH):
        name = f'transformer.resblocks.{k}'
        attention = torch.nn.MultiheadAttention(DIM, HEADS)
        attention.load_state_dict(
            {
                key.removeprefix(f'{name}.attn.'): value
                for key, value in w.items()
                if key.startswith(f'{name}.attn.')
            }
        )
        y = norm(x, f'{name}.ln_1')
        x = x + attention(y, y, y)[0]
        y = norm(x, f'{name}.ln_2') @ w[f'{name}.mlp.c_fc.weight'].T
        y = y + w[f'{name}.mlp.c_fc.bias']
        y = y * torch.sigmoid(1.702 * y)
        x = x + y @ w[f'{name}.mlp.c_proj.weight'].T + w[f'{name}.mlp.c_proj.bias']
    return norm(x, 'ln_post')[0]
