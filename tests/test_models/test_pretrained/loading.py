from __future__ import annotations

from pathlib import Path

import torch

from dynamix.models import ReIDEncoder

POOLING = dict(type='mmpretrain.GlobalAveragePooling')


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
