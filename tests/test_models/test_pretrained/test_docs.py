"""The configs of docs/pretrained.md, with one layer in place of many."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpretrain.models import SwinTransformer, VisionTransformer

from dynamix.models import ReIDEncoder

ROOT = Path(__file__).parents[3]
DOC = (ROOT / 'docs' / 'pretrained.md').read_text()
EXAMPLES = re.findall(r'```python\n(.*?)```', DOC, flags=re.DOTALL)


@pytest.mark.parametrize('example', EXAMPLES)
@torch.no_grad()
def test_an_example_gives_what_its_head_takes(example: str, tmp_path: Path) -> None:
    code = example.replace("'./", f"'{ROOT / 'configs'}/")
    (tmp_path / 'config.py').write_text(code)
    cfg = Config.fromfile(tmp_path / 'config.py')
    backbone = cfg.model.backbone
    if backbone.type.endswith('TIMMBackbone'):
        if importlib.util.find_spec('timm') is None:
            pytest.skip('timm is not there')
        backbone.pretrained = False
    elif backbone.type == 'mmpretrain.SwinTransformer':
        backbone.arch = dict(SwinTransformer.arch_zoo[backbone.arch], depths=[1] * 4)
    elif 'VisionTransformer' in backbone.type:
        backbone.arch = dict(VisionTransformer.arch_zoo[backbone.arch], num_layers=1)
    encoder = ReIDEncoder(backbone, cfg.model.neck).eval()
    embedding = encoder(torch.rand(1, 3, 256, 128))
    assert embedding.shape == (1, cfg.model.head.in_channels)
    assert cfg.optim_wrapper.optimizer.lr > 0
