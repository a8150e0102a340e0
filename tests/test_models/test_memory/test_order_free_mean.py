from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamix.models.memory.order_free_mean import (
    batch_means,
    order_free_sum,
    to_unit,
)


def unit(batch: int, dim: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(batch, dim, generator=generator), dim=1)


def test_sum_is_the_same_bits_in_any_order() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(500, 7, generator=generator, dtype=torch.float64) * 2 - 1
    group = torch.arange(500) % 3
    total = order_free_sum(values, group, 4)
    order = torch.randperm(500)
    assert torch.equal(order_free_sum(values[order], group[order], 4), total)
    for number in range(4):
        expected = values[group == number].sum(dim=0)
        torch.testing.assert_close(total[number], expected, rtol=0, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(labels=st.lists(st.integers(-1, 4), min_size=1, max_size=12))
def test_batch_means_against_a_loop(labels: list[int]) -> None:
    embeddings, label = unit(len(labels), 3), torch.tensor(labels)
    target, mean, any_label = batch_means(embeddings, label)
    assert bool(any_label) == (max(labels) >= 0)
    if max(labels) < 0:
        return
    for i, number in enumerate(labels):
        number = number if number >= 0 else max(labels)
        assert target[i] == number
        expected = embeddings[label == number].double().mean(dim=0)
        torch.testing.assert_close(mean[i], expected)


def test_embeddings_that_are_not_finite_are_left_out() -> None:
    embeddings = unit(4, 3)
    embeddings[1, 0] = float('nan')
    embeddings[3, 2] = float('inf')
    target, mean, any_label = batch_means(embeddings, torch.tensor([5, 5, 2, 9]))
    assert any_label
    assert target.tolist() == [5, 5, 2, 5]
    torch.testing.assert_close(mean[0], embeddings[0].double())


def test_to_unit() -> None:
    vectors, found = to_unit(torch.tensor([[3.0, 4.0], [0.0, 0.0], [1e-9, 0.0]]))
    torch.testing.assert_close(vectors[0], torch.tensor([0.6, 0.8]))
    assert found.tolist() == [True, False, False]
    assert not vectors[1:].any()
