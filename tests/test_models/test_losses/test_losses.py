from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dynamix.models.losses import (
    AugmentationLoss,
    CameraCentroidLoss,
    CentroidLoss,
    InstanceLoss,
)
from dynamix.models.losses.contrastive import contrastive_loss
from dynamix.models.memory import CentroidMemory
from dynamix.registry import MODELS


def unit(batch: int, dim: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    return F.normalize(vectors, dim=1)


def memory_of(centroids: Tensor, valid: list[bool] | None = None) -> CentroidMemory:
    memory = CentroidMemory(*centroids.shape, dtype=centroids.dtype)
    memory.set(torch.arange(len(centroids)), centroids)
    if valid is not None:
        memory.valid &= torch.tensor(valid)
    return memory


def judged(anchor: Tensor, positive: Tensor, others: Tensor, t: float) -> Tensor:
    logits = torch.stack([positive, *others]) @ anchor / t
    return F.cross_entropy(logits[None], torch.tensor([0]))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    images=st.lists(
        st.tuples(st.integers(-1, 3), st.integers(0, 1)), min_size=1, max_size=10
    ),
    negatives=st.sampled_from(['all', 'same_scene']),
)
def test_image_pair_losses_against_a_loop(
    seed: int, images: list[tuple[int, int]], negatives: str
) -> None:
    features = unit(len(images), 4, seed).requires_grad_()
    keys = unit(len(images), 4, seed + 1)
    label, scene = torch.tensor(images).unbind(1)
    pair = label, keys, label
    pull, pulled = InstanceLoss(0.1, 2.0, negatives)(features, *pair, scene, scene)
    keep, kept = AugmentationLoss(0.1, 1.0, negatives)(features, *pair, scene, scene)
    expected_pull = [0 * features[0, 0] for _ in images]
    expected_keep = expected_pull.copy()
    for i, (y, where) in enumerate(images):
        if y < 0:
            continue
        same = keys[label == y]
        other = (label != y) & (label >= 0)
        if negatives == 'same_scene':
            other &= scene == where
        pulls = [judged(features[i], key, keys[other], 0.1) for key in same]
        expected_pull[i] = 2 * torch.stack(pulls).mean()
        expected_keep[i] = judged(features[i], keys[i], keys[other], 0.1)
    assert torch.equal(pulled, label >= 0)
    assert torch.equal(kept, label >= 0)
    for found, losses in ((pull, expected_pull), (keep, expected_keep)):
        expected = torch.stack(losses)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
        gradients = [
            torch.autograd.grad(x.sum(), features, retain_graph=True)
            for x in (found, expected)
        ]
        torch.testing.assert_close(*gradients)


@pytest.mark.parametrize('shared', [False, True])
def test_gradcheck_and_anchors_without_positives_or_negatives(shared: bool) -> None:
    logits = torch.randn(4, 5, dtype=torch.float64).requires_grad_()
    is_positive = torch.zeros(4, 5, dtype=torch.bool)
    is_positive[:2, :2] = is_positive[3, 1] = True
    is_negative = torch.zeros(4, 5, dtype=torch.bool)
    is_negative[:3, 3:] = True

    def loss(x: Tensor) -> Tensor:
        return contrastive_loss(x, is_positive, is_negative, shared)[0]

    value, valid = contrastive_loss(logits, is_positive, is_negative, shared)
    assert valid.tolist() == [True, True, False, True]
    assert value[2:].tolist() == [0, 0]
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    assert not gradient[2:].any()
    assert torch.autograd.gradcheck(loss, logits)


def test_camera_centroid_loss_hand_computed() -> None:
    # Identity 0 under cameras 0, 1, 2, 3, never seen by 3; two others under one each.
    centroids = [[1.0, 0], [0.8, 0.6], [0.0, 1.0], [1.0, 0], [0.6, 0.8], [-1.0, 0]]
    memory = memory_of(torch.tensor(centroids), [True] * 3 + [False] + [True] * 2)
    features = torch.tensor([[1.0, 0.0]]).repeat(3, 1)
    row = torch.tensor([0, 4, -1])
    identity_rows = torch.tensor([[0, 1, 2, 3], [4, -1, -1, -1], [-1, -1, -1, -1]])

    def alone(positive: float, *others: float) -> float:
        return math.log(1 + sum(math.exp(n - positive) for n in others))

    for options, expected in (
        ({}, (alone(0.8, 0.6, -1.0) + alone(0.0, 0.6, -1.0)) / 2),
        (dict(num_hard_negatives=1), (alone(0.8, 0.6) + alone(0.0, 0.6)) / 2),
        (
            dict(shared_denominator=True),
            (alone(0.8, 0.0, 0.6, -1.0) + alone(0.0, 0.8, 0.6, -1.0)) / 2,
        ),
    ):
        loss = CameraCentroidLoss(1.0, loss_weight=2.0, **options)
        value, valid = loss(features, row, identity_rows, memory)
        assert value[0].item() == pytest.approx(2 * expected, rel=1e-5)
        assert value[1:].tolist() == [0, 0]
        assert valid.tolist() == [True, False, False]


def test_the_memory_may_change_before_the_backward_pass() -> None:
    rows = torch.tensor([[0, 1], [2, 3]])
    gradients = []
    for change in (False, True):
        memory, features = memory_of(unit(9, 4, 0)), unit(2, 4, 1).requires_grad_()
        camera, _ = CameraCentroidLoss()(features, rows[:, 0], rows, memory)
        whole, _ = CentroidLoss()(features, rows[:, 0], memory)
        if change:
            memory.update(unit(9, 4, 2), torch.arange(9))
        (camera + whole).sum().backward()
        gradients.append(features.grad)
    assert gradients[0].any(dim=1).all()
    assert torch.equal(*gradients)


def test_centroid_loss_is_the_cross_entropy_over_valid_centroids() -> None:
    memory = memory_of(unit(7, 4, 0), [True] * 6 + [False])
    features, labels = unit(4, 4, 1), torch.tensor([5, -1, 0, 6])
    value, valid = CentroidLoss(loss_weight=2.0)(features, labels, memory)
    expected = 2 * F.cross_entropy(
        features[[0, 2]] @ memory.centroids[:6].t() / 0.5,
        labels[[0, 2]],
        reduction='none',
    )
    torch.testing.assert_close(value[[0, 2]], expected)
    assert value[[1, 3]].tolist() == [0, 0]
    assert valid.tolist() == [True, False, True, False]


def test_centroid_loss_with_drawn_negatives() -> None:
    memory = memory_of(unit(200, 4, 0))
    features, labels = unit(3, 4, 1), torch.tensor([6, -1, 0])
    exact, _ = CentroidLoss()(features, labels, memory)
    loss = CentroidLoss(negative_fraction=0.3)
    values = [loss(features, labels, memory)[0] for _ in range(3)]
    assert not torch.equal(values[0], values[1])
    torch.testing.assert_close(values[0], exact, rtol=0.1, atol=0.1)
    # a resumed run continues with the next draw
    resumed = CentroidLoss(negative_fraction=0.3)
    resumed.load_state_dict(loss.state_dict())
    expected = loss(features, labels, memory)[0]
    assert torch.equal(resumed(features, labels, memory)[0], expected)


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(type='InstanceLoss', temperature=0), r'InstanceLoss\.temperature'),
        (dict(type='InstanceLoss', negatives='video'), r"negatives must be .*'video'"),
        (dict(type='CentroidLoss', negative_fraction=1.5), 'negative_fraction .* 1.5'),
    ],
)
def test_wrong_options(config: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODELS.build(config)
