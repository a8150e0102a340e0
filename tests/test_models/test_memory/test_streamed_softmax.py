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


def draw(seed: int, batch: int, count: int, dim: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    both = torch.randn(batch + count, dim, generator=generator, dtype=torch.float64)
    return F.normalize(both, dim=1).split([batch, count])


def gradient(loss: Tensor, features: Tensor) -> Tensor:
    upstream = torch.arange(1.0, len(loss) + 1, dtype=loss.dtype)
    return torch.autograd.grad((loss * upstream).sum(), features)[0]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    batch=st.integers(1, 5),
    count=st.integers(1, 17),
    num_rows=st.none() | st.integers(1, 17),
    weighted=st.booleans(),
    chunk_size=st.integers(1, 20),
    temperature=st.sampled_from([0.02, 0.5]),
)
def test_is_the_cross_entropy_of_torch(
    seed: int,
    batch: int,
    count: int,
    num_rows: int | None,
    weighted: bool,
    chunk_size: int,
    temperature: float,
) -> None:
    features, centroids = draw(seed, batch, count, 3)
    features.requires_grad_()
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(count, generator=generator)[: num_rows or count]
    weight = torch.rand(len(rows), generator=generator, dtype=torch.float64) * 3
    weight[torch.rand(len(rows), generator=generator) < 0.3] = 0
    target = torch.randint(-1, len(rows), (batch,), generator=generator)
    weight[target[target >= 0]] = 1
    if not (weighted and weight.any()):
        weight.fill_(1)
    logits = features @ centroids[rows].t() / temperature + weight.log()
    expected = F.cross_entropy(logits, target, ignore_index=-1, reduction='none')
    loss = streamed_softmax_loss(
        features,
        centroids if num_rows else centroids[rows],
        torch.where(target >= 0, rows[target], -1) if num_rows else target,
        temperature,
        rows=rows if num_rows else None,
        log_weight=weight.log() if weighted else None,
        chunk_size=chunk_size,
    )
    torch.testing.assert_close(loss, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(
        gradient(loss, features), gradient(expected, features), rtol=1e-9, atol=1e-9
    )


def test_no_centroid_counts() -> None:
    features, centroids = draw(3, 2, 5, 4)
    features.requires_grad_()
    loss = streamed_softmax_loss(
        features,
        centroids,
        torch.tensor([-1, -1]),
        0.5,
        log_weight=torch.full((5,), -math.inf),
    )
    loss.sum().backward()
    assert loss.tolist() == [0, 0]
    assert not features.grad.any()


@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('storage', ['float32', 'bfloat16', 'float16'])
def test_logits_are_float32(storage: str, autocast: bool) -> None:
    features, centroids = draw(6, 8, 300, 16)
    stored = centroids.to(getattr(torch, storage))
    features = features.float().requires_grad_()
    target = torch.arange(8)
    logits = features.double() @ stored.double().t() / 0.07
    expected = F.cross_entropy(logits, target, reduction='none')
    with torch.autocast('cpu', dtype=torch.bfloat16, enabled=autocast):
        loss = streamed_softmax_loss(features, stored, target, 0.07, chunk_size=64)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        gradient(loss, features), gradient(expected, features), rtol=1e-4, atol=1e-4
    )


def test_features_of_half_precision_get_a_gradient_of_theirs() -> None:
    features, centroids = draw(7, 2, 5, 4)
    features = features.bfloat16().requires_grad_()
    loss = streamed_softmax_loss(features, centroids, torch.tensor([0, 4]), 0.5)
    loss.sum().backward()
    assert loss.dtype == torch.float32
    assert features.grad.dtype == torch.bfloat16
    assert features.grad.any(dim=1).all()


class LargestTensor(TorchDispatchMode):
    """Remembers the largest tensor that an operation returns as new memory."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        old = {a.untyped_storage().data_ptr() for a in args if isinstance(a, Tensor)}
        if isinstance(result, Tensor) and (
            result.untyped_storage().data_ptr() not in old
        ):
            self.numel = max(self.numel, result.untyped_storage().nbytes() // 8)
        return result


def test_all_logits_never_exist_at_once() -> None:
    features, centroids = draw(8, 16, 5000, 8)
    features.requires_grad_()
    with LargestTensor() as largest:
        streamed_softmax_loss(
            features, centroids, torch.arange(16), 0.1, chunk_size=128
        ).sum().backward()
    assert largest.numel == 16 * 128
