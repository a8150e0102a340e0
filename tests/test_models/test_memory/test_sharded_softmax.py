from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from dynamix.models.memory import streamed_softmax_loss
from dynamix.models.memory.shard import Shard
from dynamix.models.memory.sharded_softmax import sharded_softmax_loss


# Several ranks are in test_ranks.py, and with the head.
@pytest.mark.parametrize('label_smoothing', [0.0, 0.1])
@pytest.mark.parametrize('several', [True, False])
def test_one_rank_equals_the_streamed_softmax(
    several: bool, label_smoothing: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(4, 3, generator=generator).double().requires_grad_()
    centroids = F.normalize(torch.randn(9, 3, generator=generator).double(), dim=1)
    valid = torch.tensor([True] * 7 + [False] * 2)
    positives = torch.tensor([[0, 3], [6, -1], [-1, -1], [8, 1]])
    positives = positives if several else positives[:, 0]
    excluded = torch.tensor([[1], [-1], [2], [5]]) if not label_smoothing else None
    options = dict(
        valid=valid,
        excluded=excluded,
        label_smoothing=label_smoothing,
        chunk_size=4,
    )
    expected = streamed_softmax_loss(features, centroids, positives, 0.2, **options)
    loss, found = sharded_softmax_loss(
        features, centroids, positives, 0.2, Shard(), **options
    )
    torch.testing.assert_close(loss, expected)
    assert found.tolist() == [True, True, False, several]
    gradients = [torch.autograd.grad(x.sum(), features)[0] for x in (loss, expected)]
    torch.testing.assert_close(*gradients)


def test_a_rank_without_centroids() -> None:
    features = torch.randn(2, 3, requires_grad=True)
    loss, found = sharded_softmax_loss(
        features,
        torch.zeros(0, 3),
        torch.tensor([0, -1]),
        0.2,
        Shard(),
        valid=torch.zeros(0, dtype=torch.bool),
    )
    assert loss.tolist() == [0, 0]
    assert not found.any()


@pytest.mark.parametrize('topk', [1, 3, 50])
def test_hardest_negatives_on_one_rank(topk: int) -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(4, 3, generator=generator).double().requires_grad_()
    centroids = F.normalize(torch.randn(9, 3, generator=generator).double(), dim=1)
    valid = torch.tensor([True] * 7 + [False] * 2)
    options = dict(valid=valid, topk=topk, chunk_size=4)
    positives = torch.tensor([0, 6, -1, 8])
    expected = streamed_softmax_loss(features, centroids, positives, 0.2, **options)
    loss, _ = sharded_softmax_loss(
        features, centroids, positives, 0.2, Shard(), **options
    )
    torch.testing.assert_close(loss, expected)
    gradients = [torch.autograd.grad(x.sum(), features)[0] for x in (loss, expected)]
    torch.testing.assert_close(*gradients)
