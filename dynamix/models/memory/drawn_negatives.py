from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from dynamix.transfers import to_device


def draw_negatives(
    batch: Tensor, valid: Tensor, fraction: float, draw: int
) -> tuple[Tensor, Tensor]:
    """Draws rows that stand for a whole memory in a softmax, and weights them.

    The batch's own identities always count, once. Each drawn row counts as often as
    makes up for the rows that were not drawn, so a sum over all negatives is met on
    average. (Partial FC, An et al. 2021, has the sample; the weight is ours.) Every
    rank draws the same. Shapes depend on no value, so a GPU is not waited for.

    Args:
        batch (Tensor): ``[n]`` int64 rows of the global batch, in any number each;
            -1: none.
        valid (Tensor): ``[C]`` bool, the rows that have a centroid.
        fraction (float): Share of the rows to draw, in ``(0, 1]``; their number ``m``
            is rounded up.
        draw (int): Number of the draw, not below 0, on which alone the rows depend.

    Returns:
        tuple[Tensor, Tensor]: ``[n + m]`` int64 rows, and the ``[n + m]`` float32
        logarithm of their weights, ``-inf`` for those that do not count; as
        :func:`streamed_softmax_loss` takes them.
    """
    drawn = to_device(
        np.random.default_rng((0, draw)).choice(
            len(valid), math.ceil(fraction * len(valid)), replace=False, shuffle=False
        ),
        valid.device,
    )
    batch = batch.sort().values
    once = torch.ones_like(batch, dtype=torch.bool)
    once[1:] = batch[1:] != batch[:-1]
    rows = torch.cat([batch.clamp_min(0), drawn])
    # One place more, for the -1 of the batch.
    rest = torch.cat([valid, valid.new_zeros(1)])
    rest = rest.index_fill_(0, batch.where(batch >= 0, len(valid)), False)[:-1]
    of_drawn = rest[drawn]
    weight = (rest.sum() / of_drawn.sum().clamp_min(1)).float()
    counts = torch.cat(
        [(once & (batch >= 0) & valid[rows[: len(batch)]]).float(), of_drawn * weight]
    )
    return rows, counts.log()
