from __future__ import annotations

from typing import Any, NamedTuple

import torch
from mmengine import dist
from torch import Tensor

from .shard import Shard
from .softmax_statistics import (
    SoftmaxStatistics,
    default_chunk_size,
    softmax_statistics,
)


class NegativeSample(NamedTuple):
    """Which centroids stand for all of them as negatives.

    Those of the batch always do. Of the rest, the drawn ones count as often as makes up
    for those that were not drawn, so sums over all negatives are met on average
    (Partial FC, An et al. 2021, has the sample, without that weight; ours).

    Attributes:
        batch (Tensor): ``[n]`` int64 rows of the positives of the global batch, in any
            number each; -1 fills up.
        drawn (Tensor): ``[m]`` int64 different rows of the whole memory, as of
            :func:`~dynamix.models.memory.sampled_rows.sampled_rows`.
    """

    batch: Tensor
    drawn: Tensor


def negative_statistics(
    features: Tensor,
    centroids: Tensor,
    temperature: float,
    sample: NegativeSample | None,
    shard: Shard | None = None,
    *,
    valid: Tensor | None = None,
    excluded: Tensor,
    **options: Any,
) -> SoftmaxStatistics:
    """Statistics over all centroids, or estimated from a sample of them.

    Args:
        features (Tensor): ``[B, D]`` floating point.
        centroids (Tensor): ``[C_r, D]`` floating point, those of this rank.
        temperature (float): Logits are divided by it.
        sample (NegativeSample | None): None for all centroids.
        shard (Shard, optional): Which rows ``centroids`` are; if there are several
            ranks, all must call this. Defaults to None, all of them.
        valid (Tensor, optional): ``[C_r]`` bool. Defaults to None, all are valid.
        excluded (Tensor): ``[B, M]`` int64 rows of this rank's part that do not count
            for an anchor; with a sample, those that are in its ``batch`` alone.
        **options: Others of :func:`softmax_statistics`; ``topk`` is for all centroids
            only.

    Returns:
        SoftmaxStatistics: Of this rank's centroids.
    """
    if sample is None or not len(centroids):
        if sample is not None and shard is not None:
            dtype = torch.promote_types(features.dtype, torch.float32)
            _share(features.new_zeros(2, dtype=dtype), shard)
        return softmax_statistics(
            features,
            centroids,
            temperature,
            valid=valid,
            excluded=excluded,
            **options,
        )
    shard = shard or Shard()
    batch = shard.local(sample.batch).sort().values
    drawn = shard.local(sample.drawn)
    if shard.count > 1:
        # How many are here is known on the device alone: this waits for it.
        drawn = drawn[drawn >= 0]
    on = torch.ones_like(centroids[:, 0], dtype=torch.bool) if valid is None else valid
    # One row more, for the -1 of the batch.
    rest = torch.cat([on, on[:1]])
    rest = rest.index_fill_(0, batch.where(batch >= 0, len(on)), False)[:-1]

    once = torch.ones_like(batch, dtype=torch.bool)
    once[1:] = batch[1:] != batch[:-1]
    once &= (batch >= 0) & on[batch.clamp_min(0)]
    place = torch.searchsorted(batch, excluded)
    place = place.masked_fill(excluded < 0, -1)
    result = softmax_statistics(
        features,
        centroids[batch.clamp_min(0)],
        temperature,
        valid=once,
        excluded=place,
        **options,
    )
    counts = torch.stack([rest.sum(), rest[drawn].sum()]).to(result.total)
    _share(counts, shard)
    weight = counts[0] / counts[1].clamp_min(1)
    step = options.get('chunk_size') or default_chunk_size(features.device)
    for rows in drawn.split(step):
        part = softmax_statistics(
            features, centroids[rows], temperature, valid=rest[rows], **options
        )
        result = _joined(result, part, weight)
    return result


def _share(counts: Tensor, shard: Shard) -> None:
    if shard.count > 1:
        dist.all_reduce(counts)


def _joined(
    one: SoftmaxStatistics, other: SoftmaxStatistics, weight: Tensor
) -> SoftmaxStatistics:
    """Statistics of both, those of ``other`` counted ``weight`` times."""
    maximum = torch.maximum(one.maximum, other.maximum)
    left = (one.maximum - maximum).exp_()
    right = (other.maximum - maximum).exp_() * weight
    weighted = None
    if one.weighted is not None and other.weighted is not None:
        weighted = one.weighted * left[:, None] + other.weighted * right[:, None]
    return SoftmaxStatistics(maximum, one.total * left + other.total * right, weighted)
