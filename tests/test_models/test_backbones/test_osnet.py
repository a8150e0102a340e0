from __future__ import annotations

import pytest
import torch
from torch import nn

from dynamix.models import OSNet


def test_maps_of_the_stages_named() -> None:
    maps = OSNet(0.25, out_indices=(0, 1, 2))(torch.rand(2, 3, 64, 32))
    assert [tuple(m.shape[1:]) for m in maps] == [(64, 16, 8), (96, 8, 4), (128, 4, 2)]
    assert len(OSNet(0.25)(torch.rand(2, 3, 64, 32))) == 1


@pytest.mark.parametrize(
    ('frozen_stages', 'training'),
    [
        (-1, {'conv1', 'conv2', 'pool2', 'conv3'}),
        (0, {'conv2', 'pool2', 'conv3'}),
        (1, {'pool2', 'conv3'}),
        (2, set()),
    ],
)
def test_frozen_stages(frozen_stages: int, training: set[str]) -> None:
    backbone = OSNet(0.25, frozen_stages=frozen_stages).train()
    for name in ('conv1', 'conv2', 'pool2', 'conv3'):
        module = getattr(backbone, name)
        assert module.training == (name in training)
        assert all(p.requires_grad == (name in training) for p in module.parameters())
    assert all(p.requires_grad for p in backbone.conv5.parameters())


def test_kept_statistics() -> None:
    backbone = OSNet(0.25, norm_eval=True).train()
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) > 50
    assert not any(norm.training for norm in norms)
    assert backbone.conv2.training


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match=r'widen_factor must be .* got 0\.3'):
        OSNet(0.3)
    with pytest.raises(ValueError, match=r"variant must be .* got 'IN'"):
        OSNet(variant='IN')
