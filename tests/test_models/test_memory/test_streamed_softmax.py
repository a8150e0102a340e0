from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from dynamix.models.memory import streamed_softmax_loss


def slow_loss(
    features: Tensor,
    centroids: Tensor,
    positives: Tensor,
    temperature: float,
    valid: Tensor,
    excluded: Tensor | None = None,
    label_smoothing: float = 0.0,
    topk: int | None = None,
) -> Tensor:
    """One anchor and one positive at a time, all logits at hand, by autograd."""
    losses = []
    everything = [c for c in range(len(centroids)) if valid[c]]
    for i, anchor in enumerate(features):
        logits = centroids.to(features.dtype) @ anchor / temperature
        mine = [p for p in positives[i].tolist() if p >= 0 and valid[p]]
        out = set(positives[i].tolist())
        if excluded is not None:
            out |= set(excluded[i].tolist())
        others = logits[[c for c in everything if c not in out]]
        if topk is not None:
            others = others.topk(min(topk, len(others))).values
        loss = 0 * anchor.sum()
        for p in mine:
            judged = torch.cat([logits[p : p + 1], others]).logsumexp(0) - logits[p]
            loss = loss + (1 - label_smoothing) * judged / len(mine)
        if mine and label_smoothing:
            spread = logits[everything].logsumexp(0) - logits[everything].mean()
            loss = loss + label_smoothing * spread
        losses.append(loss)
    return torch.stack(losses)


def draw(seed: int, batch: int, count: int, dim: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    centroids = torch.randn(count, dim, generator=generator, dtype=torch.float64)
    return F.normalize(features, dim=1), F.normalize(centroids, dim=1)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    batch=st.integers(1, 5),
    count=st.integers(1, 17),
    chunk_size=st.integers(1, 20),
    num_positives=st.integers(1, 4),
    num_excluded=st.integers(0, 3),
    masked=st.floats(0, 1),
    temperature=st.sampled_from([0.02, 0.5]),
    option=st.sampled_from([{}, {'topk': 1}, {'topk': 4}, {'label_smoothing': 0.2}]),
)
def test_agrees_with_all_logits_at_hand(
    seed: int,
    batch: int,
    count: int,
    chunk_size: int,
    num_positives: int,
    num_excluded: int,
    masked: float,
    temperature: float,
    option: dict,
) -> None:
    features, centroids = draw(seed, batch, count, 3)
    generator = torch.Generator().manual_seed(seed)
    valid = torch.rand(count, generator=generator) >= masked
    order = torch.rand(batch, count, generator=generator).argsort(dim=1)
    order = F.pad(order, (0, num_positives + num_excluded), value=-1)
    positives = order[:, :num_positives].clone()
    positives[torch.rand(positives.shape, generator=generator) < 0.2] = -1
    excluded = None
    if num_excluded and 'label_smoothing' not in option:
        excluded = order[:, num_positives : num_positives + num_excluded]
    upstream = torch.randn(batch, generator=generator, dtype=torch.float64)
    features.requires_grad_()

    expected = slow_loss(
        features, centroids, positives, temperature, valid, excluded, **option
    )
    (gradient,) = torch.autograd.grad((expected * upstream).sum(), features)
    loss = streamed_softmax_loss(
        features,
        centroids,
        positives,
        temperature,
        valid=valid,
        excluded=excluded,
        chunk_size=chunk_size,
        **option,
    )
    torch.testing.assert_close(loss, expected, rtol=1e-10, atol=1e-10)
    (found,) = torch.autograd.grad((loss * upstream).sum(), features)
    torch.testing.assert_close(found, gradient, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize('label_smoothing', [0.0, 0.1])
@pytest.mark.parametrize('chunk_size', [1, 4, 64])
def test_one_positive_is_the_cross_entropy_of_torch(
    chunk_size: int, label_smoothing: float
) -> None:
    features, centroids = draw(0, 6, 11, 4)
    target = torch.tensor([0, 10, 3, 3, -1, 7])
    expected = F.cross_entropy(
        features @ centroids.t() / 0.1,
        target,
        ignore_index=-1,
        reduction='none',
        label_smoothing=label_smoothing,
    )
    loss = streamed_softmax_loss(
        features,
        centroids,
        target,
        0.1,
        label_smoothing=label_smoothing,
        chunk_size=chunk_size,
    )
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)


def test_gradcheck() -> None:
    features, centroids = draw(1, 4, 9, 3)
    positives = torch.tensor([[0, 1], [2, -1], [-1, -1], [8, 3]])
    valid = torch.ones(9, dtype=torch.bool)
    valid[[3, 5]] = False

    def loss(x: Tensor) -> Tensor:
        return streamed_softmax_loss(
            x, centroids, positives, 0.2, valid=valid, chunk_size=4
        )

    assert torch.autograd.gradcheck(loss, features.requires_grad_())


def test_hand_computed() -> None:
    features = torch.tensor([[1.0, 0.0]])
    centroids = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    loss = streamed_softmax_loss(features, centroids, torch.tensor([0]), 0.5)
    expected = math.log(1 + math.exp(-2) + math.exp(-4))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_anchors_without_positive_have_no_loss_and_no_gradient() -> None:
    features, centroids = draw(2, 3, 5, 4)
    features.requires_grad_()
    valid = torch.tensor([True, False, True, True, True])
    loss = streamed_softmax_loss(
        features, centroids, torch.tensor([-1, 1, 2]), 0.5, valid=valid
    )
    loss.sum().backward()
    assert loss[:2].tolist() == [0, 0]
    assert loss[2] > 0
    assert features.grad is not None
    assert not features.grad[:2].any()


def test_nothing_initialised_is_finite() -> None:
    features, centroids = draw(3, 2, 5, 4)
    features.requires_grad_()
    loss = streamed_softmax_loss(
        features,
        centroids,
        torch.tensor([0, 1]),
        0.5,
        valid=torch.zeros(5, dtype=torch.bool),
        label_smoothing=0.1,
    )
    loss.sum().backward()
    assert loss.tolist() == [0, 0]
    assert features.grad is not None
    assert not features.grad.any()


def test_centroids_may_change_between_forward_and_backward() -> None:
    features, centroids = draw(4, 3, 6, 4)
    features.requires_grad_()
    target = torch.tensor([0, 1, 2])
    expected = F.cross_entropy(features @ centroids.t(), target, reduction='sum')
    (gradient,) = torch.autograd.grad(expected, features)
    loss = streamed_softmax_loss(features, centroids, target, 1.0).sum()
    centroids.zero_()
    loss.backward()
    torch.testing.assert_close(features.grad, gradient)


def test_no_gradient_where_none_is_wanted() -> None:
    features, centroids = draw(5, 3, 6, 4)
    target = torch.tensor([0, 1, 2])
    assert not streamed_softmax_loss(features, centroids, target, 1.0).requires_grad
    with torch.no_grad():
        loss = streamed_softmax_loss(features.requires_grad_(), centroids, target, 1.0)
    assert not loss.requires_grad


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_storage_is_exact_to_the_stored_values(
    dtype: torch.dtype,
) -> None:
    features, centroids = draw(6, 8, 300, 16)
    stored = centroids.to(dtype)
    target = torch.arange(8)
    expected = F.cross_entropy(
        features @ stored.double().t() / 0.1, target, reduction='none'
    )
    loss = streamed_softmax_loss(features.float(), stored, target, 0.1, chunk_size=64)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)


def test_autocast_rounds_products_only() -> None:
    features, centroids = draw(7, 8, 300, 16)
    leaf = features.float().requires_grad_()
    target = torch.arange(8)
    exact = features.clone().requires_grad_()
    expected = F.cross_entropy(exact @ centroids.t() / 0.1, target, reduction='none')
    expected.sum().backward()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = streamed_softmax_loss(leaf, centroids.float(), target, 0.1)
    assert loss.dtype == torch.float32
    loss.sum().backward()
    torch.testing.assert_close(loss.double(), expected, rtol=0.02, atol=0.02)
    assert leaf.grad is not None
    assert exact.grad is not None
    torch.testing.assert_close(leaf.grad.double(), exact.grad, rtol=0.05, atol=0.05)


class LargestTensor(TorchDispatchMode):
    """Remembers the largest tensor that an operation returns as new memory."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        storages = {
            a.untyped_storage().data_ptr() for a in args if isinstance(a, Tensor)
        }
        for value in result if isinstance(result, (tuple, list)) else [result]:
            if (
                isinstance(value, Tensor)
                and value.untyped_storage().data_ptr() not in storages
            ):
                self.numel = max(self.numel, value.numel())
        return result


@pytest.mark.parametrize('topk', [None, 50])
def test_all_logits_never_exist_at_once(topk: int | None) -> None:
    batch, count, dim, chunk_size = 16, 5000, 8, 128
    features, centroids = draw(8, batch, count, dim)
    features.requires_grad_()
    valid = torch.ones(count, dtype=torch.bool)
    with LargestTensor() as largest:
        loss = streamed_softmax_loss(
            features,
            centroids,
            torch.arange(batch),
            0.1,
            valid=valid,
            topk=topk,
            chunk_size=chunk_size,
        )
        loss.sum().backward()
    tile = batch * (chunk_size + max(topk or 1, dim))
    assert batch * chunk_size <= largest.numel <= max(tile, chunk_size * dim)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(temperature=0.0), 'temperature must be above 0'),
        (dict(label_smoothing=1.0), 'label_smoothing must lie in'),
        (dict(topk=0), 'topk must be None or at least 1'),
        (dict(chunk_size=0), 'chunk_size must be at least 1'),
        (dict(label_smoothing=0.1, topk=3), 'cannot be combined'),
    ],
)
def test_options_that_make_no_sense(options: dict, message: str) -> None:
    features, centroids = draw(9, 2, 3, 4)
    options = dict(dict(temperature=1.0), **options)
    with pytest.raises(ValueError, match=message):
        streamed_softmax_loss(features, centroids, torch.tensor([0, 1]), **options)
