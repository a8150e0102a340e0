from __future__ import annotations

import torch
from torch import Tensor

# Values in [-1, 1] become integers below 2**41, so 2**22 of them can be added.
_SCALE = float(2**40)
# A shorter mean has no direction to speak of: its vectors cancel out.
_SHORTEST = 1e-6


def order_free_sum(values: Tensor, group: Tensor, num_groups: int) -> Tensor:
    """Sums rows by group, the same to the last bit in any order, on any device.

    Floating-point sums depend on their order, which differs between ranks and, with
    atomic additions, between runs. Sums of integers do not.

    Args:
        values (Tensor): ``[n, D]`` in ``[-1, 1]``; at most 4 million rows a group.
        group (Tensor): ``[n]`` int64 in ``0..num_groups-1``.
        num_groups (int): Number of groups ``G``.

    Returns:
        Tensor: ``[G, D]`` float64, each value exact to ``2**-41``.
    """
    total = group.new_zeros(num_groups, values.shape[1])
    return from_fixed(add_fixed(total, values, group))


def add_fixed(total: Tensor, values: Tensor, group: Tensor) -> Tensor:
    """Adds rows to sums of integers, which may themselves be added up.

    Args:
        total (Tensor): ``[G, D]`` int64, changed in place.
        values (Tensor): ``[n, D]`` in ``[-1, 1]``.
        group (Tensor): ``[n]`` int64 in ``0..G-1``.

    Returns:
        Tensor: ``total``.
    """
    fixed = (values.double() * _SCALE).round_().to(torch.int64)
    return total.index_add_(0, group, fixed)


def from_fixed(total: Tensor) -> Tensor:
    """The sums that :func:`add_fixed` made, as float64."""
    return total.double() / _SCALE


def batch_means(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean embedding of each label of a batch, in shapes that depend on no value.

    There is one entry for each image, not for each label: entries of the same label
    are equal to the last bit, so writing them all to the row of the label is well
    defined. Images that are left out repeat the entry of the largest label.

    Args:
        embeddings (Tensor): ``[B, D]`` of unit length; images whose embedding is not
            finite are left out.
        labels (Tensor): ``[B]`` int64; -1 leaves an image out.

    Returns:
        tuple[Tensor, Tensor, Tensor]: ``[B]`` int64 labels, none negative; ``[B, D]``
        float64 means of the embeddings of that label; a bool of no dimension that is
        False if every image was left out, in which case the rest has no meaning.
    """
    # Not the norm, which may overflow: one NaN or Inf makes a sum not finite.
    finite = embeddings.sum(dim=1, dtype=torch.float32).isfinite()
    labels = labels.masked_fill(~finite, -1)
    ordered = labels.sort().values
    largest = ordered[-1]
    target = torch.where(labels >= 0, labels, largest).clamp_min(0)
    # The first place of a label in the sorted list serves as its group number.
    group = torch.searchsorted(ordered, labels)
    # What is not finite falls into the group of -1, which nothing reads.
    total = order_free_sum(embeddings, group, len(labels))
    count = torch.zeros_like(labels).index_add_(0, group, torch.ones_like(labels))
    chosen = torch.searchsorted(ordered, target).clamp_max(len(labels) - 1)
    mean = total[chosen] / count[chosen].clamp_min(1)[:, None]
    return target, mean, largest >= 0


def to_unit(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Scales vectors to unit length.

    Args:
        vectors (Tensor): ``[n, D]``.

    Returns:
        tuple[Tensor, Tensor]: ``[n, D]`` unit vectors, zeros where the vector is too
        short to have a direction; ``[n]`` bool, False for those.
    """
    length = vectors.norm(dim=1)
    found = length > _SHORTEST
    return vectors * (found / length.clamp_min(_SHORTEST))[:, None], found
