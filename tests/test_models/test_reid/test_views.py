"""What of the views that a pipeline makes reaches which encoder."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dynamix.models import DynaMix


class Recorder(nn.Module):
    """A head that keeps what it is given."""

    given: tuple[Any, ...] = ()

    def loss(self, *given: Any) -> dict[str, Tensor]:
        self.given = given
        return dict(loss=given[0].sum())


@pytest.fixture
def model() -> DynaMix:
    torch.manual_seed(0)
    model = DynaMix(
        backbone=dict(
            type='mmpretrain.ResNet', depth=18, base_channels=4, out_indices=[3]
        ),
        neck=dict(
            type='dynamix.BNNeck',
            in_channels=32,
            pooling=dict(type='mmpretrain.GlobalAveragePooling'),
        ),
    )
    model.head = Recorder()
    return model


def test_a_third_view_is_for_the_momentum_encoder_too(model: DynaMix) -> None:
    views = [torch.rand(4, 3, 32, 32) for _ in range(3)]
    average = model.momentum_encoder
    two, norm = copy.deepcopy(model), average.module.neck.norm
    model.loss(views, [])
    features, plain, samples, again = model.head.given
    assert samples == []
    assert features.requires_grad
    assert not plain.requires_grad
    assert not again.requires_grad
    two.loss(views[:2], [])
    assert len(two.head.given) == 3
    # statistics are of plain images alone
    expected = two.momentum_encoder.module.neck.norm
    torch.testing.assert_close(norm.running_mean, expected.running_mean)
    assert norm.num_batches_tracked == expected.num_batches_tracked == 2
    torch.testing.assert_close(average(views[1]), plain)
    torch.testing.assert_close(average(views[2]), again)
    assert norm.num_batches_tracked == 4


@pytest.mark.parametrize('count', [1, 4])
def test_other_numbers_of_views_are_refused(model: DynaMix, count: int) -> None:
    views = [torch.rand(2, 3, 32, 32)] * count
    with pytest.raises(ValueError, match=f'MultiView in the training .* got {count}'):
        model.loss(views, [])
