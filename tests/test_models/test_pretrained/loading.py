from __future__ import annotations

from pathlib import Path

import torch

from dynamix.models import ReIDEncoder

NECK = dict(type='mmpretrain.GlobalAveragePooling')


def load(
    backbone: dict, checkpoint: dict, folder: Path, suffix: str = '', neck: dict = NECK
) -> ReIDEncoder:
    """Loads a checkpoint as a config does; ``suffix`` ends the backbone's address."""
    path = folder / 'weights.pth'
    torch.save(checkpoint, path)
    init = dict(type='Pretrained', checkpoint=f'reid://{path}{suffix}')
    encoder = ReIDEncoder(dict(backbone, init_cfg=init), neck_from(neck, path))
    encoder.init_weights()
    return encoder.eval()


def neck_from(neck: dict, path: Path) -> dict:
    if neck is NECK:
        return neck
    init = dict(type='Pretrained', checkpoint=f'reid-neck://{path}')
    return dict(neck, init_cfg=init)
