from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def streamed_softmax_loss(
    features: Tensor,
    centroids: Tensor,
    target: Tensor,
    temperature: float,
    *,
    rows: Tensor | None = None,
    log_weight: Tensor | None = None,
    chunk_size: int | None = None,
) -> Tensor:
    """Cross-entropy of features against any number of centroids.

    The centroids are read once, a chunk at a time, so the ``[B, C]`` logits never
    exist: extra memory is ``O(B x chunk)``. Centroids get no gradient. The gradient of
    the features is computed in the same pass, as the running softmax average of the
    centroids; the backward pass only scales it, so centroids may change in between.

    Logits, loss and gradient are float32 (float64 if the features are), also under
    autocast and whatever the centroids are stored in: at a temperature of 0.07,
    logits around 14 would be 0.06 apart in bfloat16.

    Args:
        features (Tensor): ``[B, D]`` floating point.
        centroids (Tensor): ``[C, D]`` floating point.
        target (Tensor): ``[B]`` int64, the centroid of each anchor; -1: no anchor. It
            must be among those that count.
        temperature (float): Above 0; logits are divided by it.
        rows (Tensor, optional): ``[n]`` int64 centroids that count. Defaults to None,
            all of them.
        log_weight (Tensor, optional): ``[n]`` (``[C]`` without ``rows``), the
            logarithm of how often each counts; ``-inf``: not at all. Defaults to
            None, once.
        chunk_size (int, optional): Centroids read at a time. Defaults to None: 2048
            on a CPU, 32768 elsewhere.

    Returns:
        Tensor: ``[B]`` loss of each anchor; 0 where the target is -1.
    """
    if chunk_size is None:
        chunk_size = 2048 if features.device.type == 'cpu' else 32768
    return _StreamedSoftmax.apply(
        features, centroids, target, temperature, rows, log_weight, chunk_size
    )


class _StreamedSoftmax(torch.autograd.Function):
    """Computes the gradient along with the loss and keeps nothing else."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        centroids: Tensor,
        target: Tensor,
        temperature: float,
        rows: Tensor | None,
        log_weight: Tensor | None,
        chunk_size: int,
    ) -> Tensor:
        dtype = torch.promote_types(features.dtype, torch.float32)
        no_anchor = target < 0
        with torch.autocast(features.device.type, enabled=False):
            query = features.to(dtype) / temperature
            log_sum, average = _softmax_average(
                query, centroids, rows, log_weight, chunk_size
            )
            own = centroids[target.clamp_min(0)].to(dtype)
            loss = log_sum - (query * own).sum(dim=1)
            gradient = average.sub_(own).div_(temperature)
            ctx.save_for_backward(gradient.masked_fill_(no_anchor[:, None], 0))
        ctx.dtype = features.dtype
        return loss.masked_fill_(no_anchor, 0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        scaled = (upstream[:, None] * gradient).to(ctx.dtype)
        return scaled, None, None, None, None, None, None


def _softmax_average(
    query: Tensor,
    centroids: Tensor,
    rows: Tensor | None,
    log_weight: Tensor | None,
    chunk_size: int,
) -> tuple[Tensor, Tensor]:
    """``[B]`` log of the sum, and ``[B, D]`` softmax average of the centroids."""
    count = len(centroids) if rows is None else len(rows)
    # Finite, so that a chunk without any centroid that counts gives 0 and no NaN.
    maximum = query.new_full((len(query),), torch.finfo(query.dtype).min / 2)
    total = torch.zeros_like(maximum)
    average = torch.zeros_like(query)
    tile = query.new_empty(len(query), min(chunk_size, count))
    if log_weight is None:
        log_weight = query.new_zeros(()).expand(count)
    log_weight = log_weight.to(query.dtype)
    for start in range(0, count, chunk_size):
        chunk = slice(start, min(start + chunk_size, count))
        block = centroids[chunk if rows is None else rows[chunk]].to(query.dtype)
        logits = tile[:, : len(block)]
        torch.addmm(log_weight[chunk], query, block.t(), out=logits)
        new_maximum = torch.maximum(maximum, logits.amax(dim=1))
        decay = (maximum - new_maximum).exp_()
        maximum = new_maximum
        logits.sub_(maximum[:, None]).exp_()
        total.mul_(decay).add_(logits.sum(dim=1))
        average.mul_(decay[:, None]).addmm_(logits, block)
    average.div_(total.clamp_min(torch.finfo(query.dtype).tiny)[:, None])
    return maximum + total.log(), average
