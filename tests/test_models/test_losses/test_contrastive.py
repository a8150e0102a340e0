from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dynamix.models.losses import (
    augmentation_contrastive_loss,
    contrastive_loss,
    instance_contrastive_loss,
)


def unit(batch: int, dim: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    return F.normalize(vectors, dim=1)


def slow_loss(
    anchor: Tensor, positives: Tensor, negatives: Tensor, temperature: float
) -> float:
    """One positive at a time, by torch's cross-entropy."""
    losses = []
    for positive in positives:
        logits = torch.stack([positive, *negatives]) @ anchor / temperature
        losses.append(F.cross_entropy(logits[None], torch.tensor([0])).item())
    return sum(losses) / len(losses) if losses else 0.0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    labels=st.lists(st.integers(-1, 3), min_size=1, max_size=10),
)
def test_losses_against_a_loop(seed: int, labels: list[int]) -> None:
    features, keys = unit(len(labels), 4, seed), unit(len(labels), 4, seed + 1)
    label = torch.tensor(labels)
    own = torch.arange(len(labels))
    pull, pulled = instance_contrastive_loss(features, label, keys, label, 0.1)
    keep, kept = augmentation_contrastive_loss(features, label, keys, label, own, 0.1)
    for i, y in enumerate(labels):
        same = keys[(label == y) & (label >= 0)]
        other = keys[(label != y) & (label >= 0)]
        assert bool(pulled[i]) == bool(kept[i]) == (y >= 0)
        if y < 0:
            assert pull[i] == keep[i] == 0
            continue
        expected = slow_loss(features[i], same, other, 0.1)
        assert pull[i].item() == pytest.approx(expected, rel=1e-9, abs=1e-12)
        expected = slow_loss(features[i], keys[i : i + 1], other, 0.1)
        assert keep[i].item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_hand_computed() -> None:
    features = torch.tensor([[1.0, 0.0]])
    keys = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    key_labels = torch.tensor([4, 4, 9])
    label = torch.tensor([4])
    loss, _ = instance_contrastive_loss(features, label, keys, key_labels, 0.5)
    near = math.log(1 + math.exp(1.2 - 2.0))
    far = math.log(1 + math.exp(1.2 - 0.0))
    assert loss.item() == pytest.approx((near + far) / 2, rel=1e-6)
    own = torch.tensor([1])
    loss, _ = augmentation_contrastive_loss(features, label, keys, key_labels, own, 0.5)
    assert loss.item() == pytest.approx(far, rel=1e-6)


def test_gradcheck() -> None:
    features, keys = unit(4, 3, 0).requires_grad_(), unit(6, 3, 1)
    labels, key_labels = torch.tensor([0, 1, -1, 5]), torch.tensor([0, 1, 1, -1, 0, 5])

    def loss(x: Tensor) -> Tensor:
        return instance_contrastive_loss(x, labels, keys, key_labels, 0.2)[0]

    assert torch.autograd.gradcheck(loss, features)


def test_order_of_the_keys_does_not_matter() -> None:
    features, keys = unit(5, 3, 0), unit(9, 3, 1)
    labels, key_labels = torch.arange(5) % 3, torch.arange(9) % 4 - 1
    order = torch.randperm(9)
    torch.testing.assert_close(
        instance_contrastive_loss(features, labels, keys, key_labels)[0],
        instance_contrastive_loss(features, labels, keys[order], key_labels[order])[0],
    )


def test_no_negatives_and_no_positives_give_zero_with_a_gradient_of_zero() -> None:
    features = torch.randn(3, 4, requires_grad=True)
    keys = torch.randn(2, 4, requires_grad=True)
    is_positive = torch.tensor([[True, True], [False, False], [False, False]])
    is_negative = torch.tensor([[False, False], [True, True], [False, False]])
    loss, valid = contrastive_loss(features, keys, is_positive, is_negative, 0.1)
    loss.sum().backward()
    assert loss.tolist() == [0, 0, 0]
    assert valid.tolist() == [True, False, False]
    assert features.grad is not None
    assert not features.grad.any()
    assert keys.grad is None


def test_autocast_computes_in_float32() -> None:
    features, keys = unit(4, 8, 0).float(), unit(4, 8, 1).float()
    labels = torch.arange(4)
    expected, _ = instance_contrastive_loss(features, labels, keys, labels)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss, _ = instance_contrastive_loss(features, labels, keys, labels)
    assert torch.equal(loss, expected)
