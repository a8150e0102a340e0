"""What the centroid benchmarks time: ours, peers' and the bare products."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dynamix.models.memory import sampled_rows, streamed_softmax_loss

TEMPERATURE = 0.5

Work = dict[str, Callable[[], object]]


def make(
    batch: int, dim: int, count: int, device: str, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Features, centroids and targets; no more memory than they take."""
    generator = torch.Generator(device).manual_seed(0)
    centroids = torch.empty(count, dim, dtype=dtype, device=device)
    for rows in centroids.split(4096):
        drawn = torch.randn(rows.shape, generator=generator, device=device)
        rows.copy_(F.normalize(drawn, dim=1))
    features = torch.randn(batch, dim, generator=generator, device=device)
    target = torch.randint(count, (batch,), generator=generator, device=device)
    return F.normalize(features, dim=1).requires_grad_(), centroids, target


def products(features: Tensor, centroids: Tensor, chunk_size: int) -> Tensor:
    """The two products alone, with a tile that is used again and again."""
    query = features.detach().to(centroids.dtype)
    total = torch.zeros_like(query)
    tile = query.new_empty(len(query), min(chunk_size, len(centroids)))
    for rows in centroids.split(chunk_size):
        logits = tile[:, : len(rows)]
        torch.mm(query, rows.t(), out=logits)
        total.addmm_(logits, rows)
    return total


def streamed(
    features: Tensor,
    centroids: Tensor,
    target: Tensor,
    chunk_size: int | None = None,
    backend: str = 'torch',
) -> Tensor:
    """Ours; half-precision centroids under autocast."""
    features.grad = None
    half = centroids.dtype != torch.float32
    valid = torch.ones(len(centroids), dtype=torch.bool, device=centroids.device)
    with torch.autocast(features.device.type, centroids.dtype, enabled=half):
        loss = streamed_softmax_loss(
            features,
            centroids,
            target,
            TEMPERATURE,
            valid=valid,
            chunk_size=chunk_size,
            backend=backend,
        )
    loss.mean().backward()
    return loss.detach().mean()


def plain(features: Tensor, centroids: Tensor, target: Tensor) -> Tensor:
    """PyTorch's cross-entropy of the ``[B, C]`` logits."""
    features.grad = None
    logits = features.to(centroids.dtype) @ centroids.t() / TEMPERATURE
    loss = F.cross_entropy(logits, target)
    loss.backward()
    return loss.detach()


def partial_fc(
    features: Tensor, centroids: Tensor, target: Tensor, fraction: float
) -> Tensor:
    """Partial FC's formulation: plain cross-entropy over a sampled share.

    Its draw is ours, which is cheaper than its own: a random number for each centroid.
    """
    zero = torch.zeros((), dtype=torch.int64, device=features.device)
    drawn = sampled_rows(len(centroids), fraction, 0, zero)
    kept = torch.cat([drawn, target]).unique()
    return plain(features, centroids[kept], torch.searchsorted(kept, target))


def cut_cross_entropy(features: Tensor, centroids: Tensor, target: Tensor) -> Tensor:
    """Apple's kernel, exact: by default it skips what it finds too small.

    On a CPU the same formula, compiled by PyTorch.

    Raises:
        OverflowError: If its offsets, of 32 bits, would read what is not its own.
    """
    if centroids.is_cuda and centroids.numel() >= 2**31:
        raise OverflowError('its offsets have 32 bits')
    from cut_cross_entropy import linear_cross_entropy

    features.grad = None
    loss = linear_cross_entropy(
        (features / TEMPERATURE).to(centroids.dtype),
        centroids,
        target,
        filter_eps=None,
        impl='cce' if features.is_cuda else 'torch_compile',
    )
    loss.backward()
    return loss.detach()


def timed(function: Callable[[], object], device: str) -> float:
    """Seconds; on a CPU those of its cores, which other programs disturb less."""
    if device == 'cpu':
        start = time.process_time()
        function()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(work: Work, rounds: int, device: str) -> dict[str, list[float]]:
    """Seconds of each in every round; once before, for what is compiled and cached."""
    for function in work.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, function in work.items():
            times[name].append(timed(function, device))
    return times


def slope(sizes: list[int], seconds: list[float]) -> float:
    """Of the straight line through the logarithms of both."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
