from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dynamix.models.memory import (
    CentroidMemory,
    NegativeSample,
    sampled_rows,
    streamed_softmax_loss,
)


def draw(seed: int, batch: int, count: int, dim: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    centroids = torch.randn(count, dim, generator=generator, dtype=torch.float64)
    return F.normalize(features, dim=1), F.normalize(centroids, dim=1)


def slow_loss(
    features: Tensor,
    centroids: Tensor,
    target: list[int],
    temperature: float,
    valid: Tensor,
    drawn: list[int],
    batch: list[int],
) -> Tensor:
    """One anchor at a time, all logits at hand, by autograd."""
    certain = {y for y in batch if y >= 0 and valid[y]}
    rest = [y for y in range(len(centroids)) if valid[y] and y not in certain]
    taken = [y for y in drawn if y in rest]
    weight = len(rest) / max(len(taken), 1)
    losses = []
    for anchor, y in zip(features, target):
        if y < 0 or not valid[y]:
            losses.append(0 * anchor.sum())
            continue
        parts = (centroids @ anchor / temperature).exp()
        others = parts[sorted(certain - {y})].sum() + weight * parts[taken].sum()
        losses.append(-(parts[y] / (parts[y] + others)).log())
    return torch.stack(losses)


@pytest.mark.parametrize('chunk_size', [1, 4, None])
@pytest.mark.parametrize('seed', range(6))
def test_against_a_loop(seed: int, chunk_size: int | None) -> None:
    features, centroids = draw(seed, 6, 23, 4)
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(-1, 23, (6,), generator=generator)
    target[1] = target[0]
    valid = torch.rand(23, generator=generator) < 0.8
    drawn = sampled_rows(23, 0.4, seed, torch.tensor(0))
    elsewhere = torch.tensor([3, 3, -1, 19])
    features.requires_grad_()
    batch = torch.cat([target, elsewhere])
    expected = slow_loss(
        features, centroids, target.tolist(), 0.2, valid, drawn.tolist(), batch.tolist()
    )
    loss = streamed_softmax_loss(
        features,
        centroids,
        target,
        0.2,
        valid=valid,
        sample=NegativeSample(batch, drawn),
        chunk_size=chunk_size,
    )
    torch.testing.assert_close(loss, expected, rtol=1e-10, atol=1e-10)
    gradients = [torch.autograd.grad(x.sum(), features)[0] for x in (loss, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


def test_a_sample_of_everything_is_the_whole() -> None:
    features, centroids = draw(1, 5, 17, 3)
    target = torch.tensor([0, 16, 3, 3, -1])
    expected = streamed_softmax_loss(features, centroids, target, 0.1)
    sample = NegativeSample(target, torch.arange(17))
    loss = streamed_softmax_loss(features, centroids, target, 0.1, sample=sample)
    torch.testing.assert_close(loss, expected)


def test_sums_over_all_negatives_are_met_on_average() -> None:
    features, centroids = draw(2, 3, 200, 4)
    target = torch.tensor([0, 9, 9])

    def total(sample: NegativeSample | None) -> Tensor:
        loss = streamed_softmax_loss(features, centroids, target, 0.3, sample=sample)
        return loss.exp() - 1

    totals = torch.stack(
        [
            total(NegativeSample(target, sampled_rows(200, 0.1, 0, torch.tensor(i))))
            for i in range(500)
        ]
    )
    error = totals.mean(dim=0) / total(None) - 1
    spread = totals.std(dim=0) / total(None) / 500**0.5
    assert (error.abs() < 4 * spread).all()
    assert (spread < 0.1).all()


def test_a_sample_without_an_initialised_centroid() -> None:
    memory = CentroidMemory(9, 2, dtype='float64')
    memory.initialize(torch.eye(2).double(), torch.tensor([0, 4]))
    features = torch.eye(2).double()
    loss, found = memory.softmax_loss(
        features, torch.tensor([0, -1]), 1.0, drawn=torch.tensor([1, 2])
    )
    assert loss.tolist() == [0, 0]
    assert found.tolist() == [True, False]


def test_no_batch_and_no_memory() -> None:
    memory, labels = CentroidMemory(5, 2), torch.zeros(0, dtype=torch.int64)
    loss, _ = memory.softmax_loss(
        torch.zeros(0, 2), labels, 1.0, drawn=torch.tensor([1])
    )
    assert len(loss) == 0


@pytest.mark.parametrize(
    'option',
    [dict(topk=3), dict(excluded=torch.tensor([[1]])), dict(label_smoothing=0.1)],
)
def test_options_that_do_not_go_together(option: dict) -> None:
    features, centroids = draw(3, 1, 5, 2)
    sample = NegativeSample(torch.tensor([0]), torch.tensor([1, 2]))
    with pytest.raises(ValueError, match='cannot be combined'):
        streamed_softmax_loss(
            features, centroids, torch.tensor([0]), 0.5, sample=sample, **option
        )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_gpu_agrees_with_cpu_and_is_never_waited_for() -> None:
    features, centroids = draw(4, 6, 500, 8)
    target = torch.tensor([1, 1, 30, -1, 499, 7])

    def run(device: str) -> Tensor:
        leaf = features.to(device).requires_grad_()
        rows, labels = centroids.to(device), target.to(device)
        valid = torch.arange(500, device=device) % 7 > 0
        number = torch.zeros((), dtype=torch.int64, device=device)
        torch.cuda.set_sync_debug_mode('error' if device == 'cuda' else 'default')
        try:
            drawn = sampled_rows(500, 0.2, 1, number)
            sample = NegativeSample(labels, drawn)
            loss = streamed_softmax_loss(
                leaf, rows, labels, 0.2, valid=valid, sample=sample
            )
            loss.sum().backward()
        finally:
            torch.cuda.set_sync_debug_mode('default')
        assert leaf.grad is not None
        return torch.cat([loss.detach()[:, None], leaf.grad], dim=1).cpu()

    torch.testing.assert_close(run('cuda'), run('cpu'))
