from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from dynamix.models.memory import CentroidMemory, sampled_rows
from dynamix.registry import MODELS


def memory_of(rows: list[list[float]]) -> CentroidMemory:
    centroids = torch.tensor(rows)
    memory = CentroidMemory(len(rows), centroids.shape[1])
    memory.initialize(centroids, torch.arange(len(rows)))
    return memory


def unit(batch: int, dim: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(batch, dim, generator=generator), dim=1)


def test_centroid_loss_is_the_cross_entropy_over_the_memory() -> None:
    memory = memory_of(unit(7, 4, 0).tolist())
    features, labels = unit(3, 4, 1), torch.tensor([6, -1, 0])
    loss = MODELS.build(dict(type='CentroidLoss', temperature=0.5, loss_weight=2.0))
    value, valid = loss(features, labels, memory)
    expected = 2 * F.cross_entropy(
        features @ memory.centroids.t() / 0.5,
        labels,
        ignore_index=-1,
        reduction='none',
    )
    torch.testing.assert_close(value, expected)
    assert valid.tolist() == [True, False, True]


def test_centroid_loss_with_hard_negatives_alone() -> None:
    memory = memory_of([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]])
    loss = MODELS.build(
        dict(type='CentroidLoss', temperature=1.0, num_hard_negatives=1)
    )
    value, _ = loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), memory)
    assert value.item() == pytest.approx(math.log(1 + math.exp(0.8 - 1)), rel=1e-5)


def test_centroid_loss_with_sampled_negatives() -> None:
    memory = memory_of(unit(200, 4, 0).tolist())
    features, labels = unit(3, 4, 1), torch.tensor([6, -1, 0])
    config = dict(type='CentroidLoss', negative_fraction=0.1, sample_seed=7)
    loss = MODELS.build(config)
    values = [loss(features, labels, memory)[0] for _ in range(3)]
    for number, value in enumerate(values):
        drawn = sampled_rows(200, 0.1, 7, torch.tensor(number))
        expected, _ = memory.softmax_loss(features, labels, 0.5, drawn=drawn)
        assert torch.equal(value, expected)
    assert not torch.equal(values[0], values[1])
    exact, _ = MODELS.build(dict(type='CentroidLoss'))(features, labels, memory)
    torch.testing.assert_close(values[0], exact, rtol=0.2, atol=0.2)
    # A resumed run goes on with the next draw.
    resumed = MODELS.build(config)
    loss.num_draws.fill_(2)
    resumed.load_state_dict(loss.state_dict())
    assert torch.equal(resumed(features, labels, memory)[0], values[2])


def test_centroid_loss_of_all_negatives_has_no_state() -> None:
    assert not MODELS.build(dict(type='CentroidLoss')).state_dict()


def test_camera_centroid_loss_hand_computed() -> None:
    # Identity 0 under cameras 0, 1, 2; two others under one camera each.
    memory = memory_of([[1.0, 0], [0.8, 0.6], [0.0, 1.0], [0.6, 0.8], [-1.0, 0]])
    features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    row = torch.tensor([0, 3, -1])
    identity_rows = torch.tensor([[0, 1, 2], [3, -1, -1], [-1, -1, -1]])

    def judged(positive: float, *negatives: float) -> float:
        return math.log(1 + sum(math.exp(n - positive) for n in negatives))

    loss = MODELS.build(
        dict(
            type='CameraCentroidLoss',
            temperature=1.0,
            loss_weight=1.0,
            num_hard_negatives=None,
        )
    )
    value, valid = loss(features, row, identity_rows, memory)
    expected = (judged(0.8, 0.6, -1.0) + judged(0.0, 0.6, -1.0)) / 2
    assert value[0].item() == pytest.approx(expected, rel=1e-5)
    assert value[1:].tolist() == [0, 0]
    assert valid.tolist() == [True, False, False]
    loss.num_hard_negatives = 1
    value, _ = loss(features, row, identity_rows, memory)
    expected = (judged(0.8, 0.6) + judged(0.0, 0.6)) / 2
    assert value[0].item() == pytest.approx(expected, rel=1e-5)


def test_camera_centroid_loss_skips_cameras_that_were_never_visited() -> None:
    memory = CentroidMemory(3, 2)
    memory.initialize(torch.tensor([[1.0, 0], [0, 1.0]]), torch.tensor([0, 2]))
    loss = MODELS.build(dict(type='CameraCentroidLoss'))
    identity_rows = torch.tensor([[0, 1]])
    _, valid = loss(unit(1, 2, 0), torch.tensor([0]), identity_rows, memory)
    assert not valid.any()


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(type='InstanceLoss', temperature=0), 'InstanceLoss.temperature'),
        (dict(type='AugmentationLoss', loss_weight=-1), 'AugmentationLoss.loss_weight'),
        (dict(type='CentroidLoss', label_smoothing=1), 'CentroidLoss.label_smoothing'),
        (
            dict(type='CameraCentroidLoss', num_hard_negatives=0),
            'CameraCentroidLoss.num_hard_negatives',
        ),
        (
            dict(type='CentroidLoss', label_smoothing=0.1, num_hard_negatives=5),
            'cannot be combined',
        ),
        (dict(type='CentroidLoss', negative_fraction=0), 'negative_fraction must lie'),
        (dict(type='CentroidLoss', negative_fraction=1.5), 'but got 1.5'),
        (
            dict(type='CentroidLoss', negative_fraction=0.1, num_hard_negatives=5),
            'cannot be combined with negative_fraction',
        ),
        (
            dict(type='CentroidLoss', negative_fraction=0.1, label_smoothing=0.1),
            'cannot be combined',
        ),
    ],
)
def test_options_that_make_no_sense(config: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODELS.build(config)
