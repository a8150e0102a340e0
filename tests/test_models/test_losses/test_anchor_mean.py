from __future__ import annotations

import torch

from dynamix.models.losses import mean_over_anchors


def test_mean_over_anchors_that_take_part() -> None:
    loss = torch.tensor([1.0, 0.0, 5.0], requires_grad=True)
    valid = torch.tensor([True, False, True])
    mean = mean_over_anchors(dict(one=(loss, valid)))['one']
    assert mean.item() == 3
    mean.backward()
    assert loss.grad is not None
    assert loss.grad.tolist() == [0.5, 0.5, 0.5]


def test_no_anchor_at_all() -> None:
    loss = torch.zeros(3, requires_grad=True)
    mean = mean_over_anchors(dict(one=(loss * 1, torch.zeros(3, dtype=torch.bool))))
    assert mean['one'].item() == 0
    mean['one'].backward()
