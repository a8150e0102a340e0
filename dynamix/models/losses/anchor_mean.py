from __future__ import annotations

import torch
from mmengine import dist
from torch import Tensor


def mean_over_anchors(
    losses: dict[str, tuple[Tensor, Tensor]],
) -> dict[str, Tensor]:
    """Means over the anchors of all ranks that take part in each loss.

    Every rank returns the value of the global batch. The gradient is scaled so that
    the average over ranks, which data-parallel training takes, is the gradient of
    that value, however unevenly the anchors are spread. One collective for all.

    Args:
        losses (dict[str, tuple[Tensor, Tensor]]): For each name ``[B]`` losses of
            this rank's anchors, 0 for those that take no part, and ``[B]`` bool.

    Returns:
        dict[str, Tensor]: For each name a scalar; 0 if no anchor takes part.
    """
    local = torch.stack([loss.sum() for loss, _ in losses.values()])
    counts = torch.stack([valid.sum() for _, valid in losses.values()])
    total = torch.stack([local.detach(), counts.to(local.dtype)])
    dist.all_reduce(total)
    anchors = total[1].clamp_min(1)
    scaled = local * dist.get_world_size() / anchors
    means = scaled + (total[0] / anchors - scaled).detach()
    return {name: means[place] for place, name in enumerate(losses)}
