from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def draw_rows(num_rows: int, fraction: float, seed: int, draw: int) -> np.ndarray:
    """Draws a share of the rows of a memory, the same on every rank.

    Args:
        num_rows (int): Number of rows ``C``.
        fraction (float): Share to draw, in ``(0, 1]``, rounded up.
        seed (int): Not below 0; draws of different seeds are independent.
        draw (int): Number of the draw, not below 0.

    Returns:
        np.ndarray: ``[m]`` int64 different rows.
    """
    count = min(math.ceil(fraction * num_rows), num_rows)
    generator = np.random.default_rng((seed, draw))
    return generator.choice(num_rows, count, replace=False, shuffle=False)


def rows_of_softmax(
    batch: Tensor, drawn: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor]:
    """Rows that stand for a whole memory in a softmax, and the weight of each.

    The batch's own identities always count, once. Each drawn row counts as often as
    makes up for the rows that were not drawn, so a sum over all negatives is met on
    average. (Partial FC, An et al. 2021, has the sample; the weight is ours.) Shapes
    depend on no value, so a GPU is not waited for.

    Args:
        batch (Tensor): ``[n]`` int64 rows of the global batch, in any number each;
            -1: none.
        drawn (Tensor): ``[m]`` int64 different rows.
        valid (Tensor): ``[C]`` bool, the rows that have a centroid.

    Returns:
        tuple[Tensor, Tensor]: ``[n + m]`` int64 rows, and the ``[n + m]`` float32
        logarithm of their weights, ``-inf`` for those that do not count; as
        :func:`streamed_softmax_loss` takes them.
    """
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
