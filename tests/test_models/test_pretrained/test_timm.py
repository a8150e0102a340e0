from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from dynamix.models import ReIDEncoder

timm = pytest.importorskip('timm')


@torch.no_grad()
def test_a_file_of_timm(tmp_path: Path) -> None:
    """timm reads it, fits its position embeddings and drops the classifier."""
    source = timm.create_model('vit_tiny_patch16_224', depth=1, num_classes=5).eval()
    torch.save(dict(state_dict=source.state_dict()), tmp_path / 'timm.pth')
    backbone = dict(
        type='mmpretrain.TIMMBackbone',
        model_name='vit_tiny_patch16_224',
        depth=1,
        img_size=(112, 448),
        pretrained=True,
        pretrained_cfg_overlay=dict(file=str(tmp_path / 'timm.pth')),
        num_classes=0,
    )
    encoder = ReIDEncoder(backbone, dict(type='BNNeck', in_channels=192)).eval()
    encoder.init_weights()
    fitted = encoder.backbone.timm_model.pos_embed
    grid = source.pos_embed[:, 1:].mT.unflatten(2, (14, 14))
    expected = F.interpolate(grid, (7, 28), mode='bicubic', antialias=True)
    torch.testing.assert_close(fitted[:, 1:], expected.flatten(2).mT)
    images = torch.rand(2, 3, 112, 448)
    assert encoder.backbone(images)[0].shape == (2, 1 + 7 * 28, 192)
    qkv = 'blocks.0.attn.qkv.weight'
    found = encoder.backbone.timm_model.state_dict()[qkv]
    torch.testing.assert_close(found, source.state_dict()[qkv])
    assert encoder(images).shape == (2, 192)
