from __future__ import annotations

import torch
from mmengine import dist
from torch import Tensor

from .sampled_negatives import NegativeSample, negative_statistics
from .shard import Shard
from .softmax_backend import check_backend
from .softmax_statistics import SoftmaxStatistics, centroid_sum
from .streamed_softmax import check_options, loss_from_statistics, with_gradient


def sharded_softmax_loss(
    features: Tensor,
    centroids: Tensor,
    positives: Tensor,
    temperature: float,
    shard: Shard,
    *,
    valid: Tensor,
    excluded: Tensor | None = None,
    label_smoothing: float = 0.0,
    topk: int | None = None,
    sample: NegativeSample | None = None,
    chunk_size: int | None = None,
    backend: str = 'torch',
) -> tuple[Tensor, Tensor]:
    """Streamed softmax loss over centroids of which each rank holds a part.

    Every rank takes all ranks' anchors through its own centroids; one sum over the
    ranks of the softmax statistics (after one of their maxima) then gives each
    anchor what a pass over all centroids would have. Batches must be of one size.

    Args:
        features (Tensor): ``[B, D]`` this rank's anchors.
        centroids (Tensor): ``[C_r, D]`` this rank's centroids.
        positives (Tensor): ``[B]`` or ``[B, K]`` int64 rows of the whole memory; -1
            fills up.
        temperature (float): Above 0.
        shard (Shard): Which rows of the memory ``centroids`` are.
        valid (Tensor): ``[C_r]`` bool.
        excluded (Tensor, optional): ``[B, M]`` int64 rows of the whole memory that are
            no negatives; -1 fills up. Defaults to None.
        label_smoothing (float): In ``[0, 1)``. Defaults to 0.0.
        topk (int, optional): Only so many negatives of each anchor count, the most
            similar ones of all ranks. Defaults to None, all of them.
        sample (NegativeSample, optional): Stand for all negatives. Defaults to None.
        chunk_size (int, optional): Centroids at a time. Defaults to None, by device.
        backend (str): As of :func:`streamed_softmax_loss`. Defaults to ``'torch'``.

    Returns:
        tuple[Tensor, Tensor]: ``[B]`` losses of this rank's anchors as of
        :func:`streamed_softmax_loss`, and ``[B]`` bool: which have a valid positive.

    Raises:
        ValueError: If an option is out of range, or options do not go together.
        RuntimeError: If ``backend='triton'`` cannot run at all.
    """
    check_options(temperature, label_smoothing, excluded, topk, sample, chunk_size)
    check_backend(backend, features.device)
    wanted = torch.is_grad_enabled() and features.requires_grad
    with torch.no_grad():
        positives = positives[:, None] if positives.dim() == 1 else positives
        num_positives = positives.shape[1]
        rows = positives if excluded is None else torch.cat([positives, excluded], 1)
        rows = shard.local(torch.cat(dist.all_gather(rows.contiguous())))
        statistics = negative_statistics(
            torch.cat(dist.all_gather(features.detach().contiguous())),
            centroids,
            temperature,
            sample,
            shard,
            valid=valid,
            excluded=rows,
            topk=topk,
            across_ranks=True,
            with_weighted=wanted,
            chunk_size=chunk_size,
            backend=backend,
        )
        dtype = statistics.total.dtype
        rows = rows[:, :num_positives]
        vectors, is_positive = _positives(centroids, valid, rows)
        # Of each positive exactly one rank has the vector, so a sum collects them.
        maximum = statistics.maximum.clone()
        dist.all_reduce(maximum, 'max')
        scale = (statistics.maximum - maximum).exp_()
        parts = [
            (statistics.total * scale)[:, None],
            is_positive.to(dtype),
            vectors.to(dtype).flatten(1),
        ]
        if statistics.weighted is not None:
            parts.append(statistics.weighted * scale[:, None])
        packed = torch.cat(parts, dim=1)
        dist.all_reduce(packed)
        mine = slice(shard.rank * len(features), (shard.rank + 1) * len(features))
        total, found, flat, *weighted = packed[mine].split(
            [part.shape[1] for part in parts], dim=1
        )
        mean = None
        if label_smoothing:
            mean = centroid_sum(centroids, valid)
            dist.all_reduce(mean)
            mean = (mean[:-1] / mean[-1:].clamp_min(1)).to(dtype)
        is_positive = found > 0
        loss, gradient = loss_from_statistics(
            features,
            flat.unflatten(1, (num_positives, -1)),
            is_positive,
            SoftmaxStatistics(
                maximum[mine], total[:, 0], weighted[0] if weighted else None
            ),
            temperature,
            label_smoothing,
            mean,
        )
    return with_gradient(features, loss, gradient), is_positive.any(dim=1)


def _positives(centroids: Tensor, valid: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """``[B, K, D]`` positives that live here, else zeros; ``[B, K]`` which do."""
    if not len(centroids):
        shape = (*rows.shape, centroids.shape[1])
        return centroids.new_zeros(shape), torch.zeros_like(rows, dtype=torch.bool)
    is_positive = (rows >= 0) & valid[rows.clamp_min(0)]
    vectors = centroids[rows.clamp_min(0)]
    return vectors.masked_fill(~is_positive[:, :, None], 0), is_positive
