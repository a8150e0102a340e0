from __future__ import annotations

import math
from typing import NamedTuple

import torch
from mmengine import dist
from torch import Tensor

from .softmax_backend import triton_sums


def default_chunk_size(device: torch.device) -> int:
    """Centroids at a time: enough work for the device, and a tile it can cache."""
    return 2048 if device.type == 'cpu' else 32768


class SoftmaxStatistics(NamedTuple):
    """What one pass over the centroids leaves of each anchor's negatives.

    Attributes:
        maximum (Tensor): ``[B]`` the largest logit, or another number near by; finite
            even if there is none.
        total (Tensor): ``[B]`` sum of ``exp(logit - maximum)``; 0 if there is none.
        weighted (Tensor | None): ``[B, D]`` sum of ``exp(logit - maximum) *
            centroid``; None if no gradient is wanted.
    """

    maximum: Tensor
    total: Tensor
    weighted: Tensor | None


def softmax_statistics(
    features: Tensor,
    centroids: Tensor,
    temperature: float,
    *,
    valid: Tensor | None = None,
    excluded: Tensor | None = None,
    topk: int | None = None,
    across_ranks: bool = False,
    with_weighted: bool = True,
    chunk_size: int | None = None,
    backend: str = 'torch',
) -> SoftmaxStatistics:
    """Running maximum, sum and weighted sum of centroids in one pass over them.

    Args:
        features (Tensor): ``[B, D]`` floating point.
        centroids (Tensor): ``[C, D]`` floating point.
        temperature (float): Logits are divided by it.
        valid (Tensor, optional): ``[C]`` bool. Defaults to None, all are valid.
        excluded (Tensor, optional): ``[B, M]`` int64 centroids that do not count for
            an anchor; numbers outside ``0..C-1`` fill up. Defaults to None.
        topk (int, optional): Keep the largest logits alone. Defaults to None.
        across_ranks (bool): Of the largest logits of all ranks, which pass over
            centroids of their own, keep those that are here. Collective. Defaults to
            False.
        with_weighted (bool): Also sum the centroids. Defaults to True.
        chunk_size (int, optional): Centroids at a time. Defaults to None: 2048 on a
            CPU, 32768 elsewhere, ``2**24 / B`` with Triton.
        backend (str): See :func:`streamed_softmax_loss`. Defaults to ``'torch'``.

    Returns:
        SoftmaxStatistics: float32, or float64 if the features are.
    """
    features = features.detach()
    device = features.device.type
    dtype = torch.promote_types(features.dtype, torch.float32)
    compute = dtype
    if torch.is_autocast_enabled(device):
        compute = torch.get_autocast_dtype(device)
    batch, num = len(features), len(centroids)
    width = max(min(chunk_size or default_chunk_size(features.device), num), 1)
    with torch.autocast(device, enabled=False):
        query = (features.to(dtype) / temperature).to(compute)
        sums = triton_sums(
            backend,
            query,
            centroids,
            temperature,
            topk,
            valid=valid,
            excluded=excluded,
            with_weighted=with_weighted,
            chunk_size=chunk_size,
        )
        if sums is not None:
            return SoftmaxStatistics(torch.zeros_like(sums[0]), *sums)
        # Excluded pairs of other chunks are written to a last column of no use.
        tile = query.new_empty(batch, width + 1, dtype=dtype)
        running: _Running | _RunningTop = _Running(query, dtype, with_weighted)
        if topk is not None:
            running = _RunningTop(
                query,
                dtype,
                with_weighted,
                centroids,
                topk if across_ranks else min(topk, max(num, 1)),
                width,
                across_ranks,
            )
        for start in range(0, num, width):
            rows = centroids[start : start + width].to(compute)
            logits = tile[:, : len(rows)]
            if compute == dtype:
                torch.mm(query, rows.t(), out=logits)
            else:
                logits.copy_(torch.mm(query, rows.t()))
            if valid is not None:
                off = ~valid[start : start + width]
                # Worth a look on a CPU; elsewhere the look would be a wait.
                if device != 'cpu' or off.any():
                    logits += off.to(dtype).masked_fill_(off, -math.inf)
            if excluded is not None:
                local = excluded - start
                outside = (local < 0) | (local >= len(rows))
                tile.scatter_(1, local.masked_fill(outside, width), -math.inf)
            running.add(logits, rows, start)
        return running.statistics()


class _Running:
    """Sums over all logits seen, relative to their maximum."""

    def __init__(self, query: Tensor, dtype: torch.dtype, with_weighted: bool) -> None:
        batch, dim = query.shape
        # Finite, so that a chunk of masked logits gives exp(-inf) = 0 and no NaN.
        self.maximum = query.new_full((batch,), _lowest(dtype), dtype=dtype)
        self.total = query.new_zeros(batch, dtype=dtype)
        self.weighted = (
            query.new_zeros(batch, dim, dtype=dtype) if with_weighted else None
        )

    def add(self, logits: Tensor, rows: Tensor, start: int) -> None:
        maximum = torch.maximum(self.maximum, logits.amax(dim=1))
        decay = (self.maximum - maximum).exp_()
        logits.sub_(maximum[:, None]).exp_()
        self.maximum = maximum
        self.total.mul_(decay).add_(logits.sum(dim=1))
        if self.weighted is None:
            return
        self.weighted.mul_(decay[:, None])
        if rows.dtype == logits.dtype:
            self.weighted.addmm_(logits, rows)
        else:
            self.weighted.add_(torch.mm(logits.to(rows.dtype), rows))

    def statistics(self) -> SoftmaxStatistics:
        return SoftmaxStatistics(self.maximum, self.total, self.weighted)


class _RunningTop:
    """The largest logits seen, and which centroids they belong to."""

    def __init__(
        self,
        query: Tensor,
        dtype: torch.dtype,
        with_weighted: bool,
        centroids: Tensor,
        topk: int,
        chunk_size: int,
        across_ranks: bool,
    ) -> None:
        self.values = query.new_full((len(query), topk), -math.inf, dtype=dtype)
        self.index = torch.zeros_like(self.values, dtype=torch.int64)
        self.with_weighted = with_weighted
        self.centroids = centroids
        self.chunk_size = chunk_size
        self.across_ranks = across_ranks

    def add(self, logits: Tensor, rows: Tensor, start: int) -> None:
        topk = self.values.shape[1]
        values, index = logits.topk(min(topk, logits.shape[1]), sorted=False)
        values = torch.cat([self.values, values], dim=1)
        index = torch.cat([self.index, index + start], dim=1)
        self.values, best = values.topk(topk, sorted=False)
        self.index = index.gather(1, best)

    def _drop_beaten(self) -> None:
        """Leaves out what the largest logits of other ranks beat."""
        topk = self.values.shape[1]
        everyone = torch.cat(dist.all_gather(self.values), dim=1)
        # Stable: ranks must agree, also on which of equal ones count.
        best = everyone.sort(dim=1, descending=True, stable=True).indices[:, :topk]
        beaten = torch.ones_like(everyone, dtype=torch.bool).scatter_(1, best, False)
        mine = slice(dist.get_rank() * topk, (dist.get_rank() + 1) * topk)
        self.values.masked_fill_(beaten[:, mine], -math.inf)

    def statistics(self) -> SoftmaxStatistics:
        if self.across_ranks:
            self._drop_beaten()
        topk, dtype = self.values.shape[1], self.values.dtype
        maximum = self.values.amax(dim=1).clamp_min(_lowest(dtype))
        parts = (self.values - maximum[:, None]).exp_()
        weighted = None
        if self.with_weighted and not len(self.centroids):
            weighted = self.centroids.new_zeros(
                len(self.values), self.centroids.shape[1], dtype=dtype
            )
        elif self.with_weighted:
            # Gathered for a few anchors at a time: no more than a chunk's memory.
            step = max(self.chunk_size // topk, 1)
            weighted = torch.cat(
                [
                    torch.einsum('bk,bkd->bd', part, self.centroids[index].to(dtype))
                    for part, index in zip(parts.split(step), self.index.split(step))
                ]
            )
        return SoftmaxStatistics(maximum, parts.sum(dim=1), weighted)


def centroid_sum(centroids: Tensor, valid: Tensor | None) -> Tensor:
    """Sum and number of the valid centroids.

    Returns:
        Tensor: ``[D + 1]`` float64, the sum and, last, the number.
    """
    total = centroids.new_zeros(centroids.shape[1] + 1, dtype=torch.float64)
    total[-1] = len(centroids) if valid is None else valid.sum()
    chunk_size = default_chunk_size(centroids.device)
    for start in range(0, len(centroids), chunk_size):
        rows = centroids[start : start + chunk_size]
        if valid is not None:
            rows = rows.masked_fill(~valid[start : start + chunk_size, None], 0)
        total[:-1] += rows.sum(dim=0, dtype=torch.float64)
    return total


def _lowest(dtype: torch.dtype) -> float:
    return torch.finfo(dtype).min / 2
