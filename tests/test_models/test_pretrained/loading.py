from __future__ import annotations

from pathlib import Path

import torch

from dynamix.models import ReIDEncoder

from .originals import DEPTH, DIM, HEADS

POOLING = dict(type='mmpretrain.GlobalAveragePooling')
RESNET = dict(type='mmpretrain.ResNet', depth=18, base_channels=8, stem_channels=8)
OSNET = dict(type='OSNet', widen_factor=0.25)
SWIN = dict(
    type='mmpretrain.SwinTransformer',
    arch=dict(embed_dims=8, depths=(2, 2, 1, 2), num_heads=[2] * 4),
    img_size=(64, 64),
    window_size=2,
)
VIT = dict(
    type='mmpretrain.VisionTransformer',
    arch=dict(
        embed_dims=DIM, num_layers=DEPTH, num_heads=HEADS, feedforward_channels=2 * DIM
    ),
    img_size=(32, 16),
    patch_size=8,
)
CLIP = dict(
    VIT,
    pre_norm=True,
    norm_cfg=dict(type='LN', eps=1e-5),
    layer_cfgs=dict(act_cfg=dict(type='mmpretrain.QuickGELU')),
)
REGISTERS = dict(VIT, type='VisionTransformerRegisters', num_registers=3)


def load(
    backbone: dict,
    checkpoint: dict,
    folder: Path,
    suffix: str = '',
    neck: dict | None = None,
) -> ReIDEncoder:
    """Loads a checkpoint as a config does; ``suffix`` ends the backbone's address."""
    path = folder / 'weights.pth'
    torch.save(checkpoint, path)
    init = dict(type='Pretrained', checkpoint=f'reid://{path}{suffix}')
    backbone = dict(backbone, init_cfg=init)
    if neck is not None:
        neck = dict(neck, init_cfg=dict(init, checkpoint=f'reid-neck://{path}'))
    encoder = ReIDEncoder(backbone, neck or POOLING)
    encoder.init_weights()
    return encoder.eval()
