"""Differences between PyTorch and ONNX Runtime for the backbones of the recipes.

    python benchmarks/export.py [CONFIG ...]

Weights are random (scales of normalization from 0.5 to 1, its statistics from the
images), images are drawn people. Largest difference of two numbers of an embedding, and
the share of the ten nearest images that both find.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from dynamix.apis import ReIDInferencer
from dynamix.datasets import SyntheticPedestrians
from dynamix.export import compare_embeddings, export_onnx
from dynamix.registry import MODELS

CONFIGS = ('r50', 'r50-ibn', 'vit-b', 'vit-s-ics', 'osnet-ain-x1-0', 'swin-b')
IMAGES = 24


def draw(size: tuple[int, int]) -> list:
    """Drawn people, ``[H, W, 3]`` uint8 BGR."""
    people = SyntheticPedestrians(
        split='train', image_size=size, num_identities=IMAGES, num_cameras=1
    )
    people.full_init()
    step = len(people) // IMAGES
    return [people.get_data_info(row * step)['img'] for row in range(IMAGES)]


def random_weights(cfg: Config, images: list, path: Path) -> None:
    """Writes a checkpoint whose layers all have a part in the embedding."""
    torch.manual_seed(0)
    model = MODELS.build({**cfg.model, 'head': None})
    torch.save(model.state_dict(), path)
    inferencer = ReIDInferencer(cfg, path, 'cpu')
    encoder = inferencer.model.momentum_encoder
    for layer in encoder.modules():
        scale = getattr(layer, 'weight', None)
        if scale is not None and scale.dim() == 1:
            nn.init.uniform_(scale, 0.5, 1.0)
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.momentum = None  # means over the images
            layer.train()
    inferencer(images)
    encoder.eval()
    torch.save(inferencer.model.state_dict(), path)


def main() -> None:
    init_default_scope('dynamix')
    configs = sys.argv[1:] or [f'configs/dynamix_{name}.py' for name in CONFIGS]
    print('| config | float32 | ten nearest | float16 | ten nearest | MB |')
    print('|---|---|---|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        weights, file = Path(folder, 'weights.pth'), Path(folder, 'reid.onnx')
        for config in configs:
            cfg = Config.fromfile(config)
            for part in (cfg.model.backbone, cfg.model.neck):
                part.pop('init_cfg', None)
            images = draw(tuple(cfg.image_size))
            random_weights(cfg, images, weights)
            inferencer = ReIDInferencer(cfg, weights, 'cpu')
            expected = inferencer(images)
            cells = []
            for half in (False, True):
                size = tuple(cfg.image_size)
                export_onnx(inferencer.model, file, size, config, half=half)
                found = ReIDInferencer(file, device='cpu')(images)
                parity = compare_embeddings(expected, found)
                cells += [f'{parity.feature:.1e}', f'{100 * parity.ranks:.1f} %']
            size = file.stat().st_size / 1e6
            print(f'| {Path(config).stem} | {" | ".join(cells)} | {size:.0f} |')


if __name__ == '__main__':
    main()
