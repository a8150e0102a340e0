from __future__ import annotations

import torch
from mmengine import dist
from torch import Tensor, nn


def unit_rows(features: Tensor) -> Tensor:
    """``[B, D]`` features scaled to length 1, float32 at least."""
    dtype = torch.promote_types(features.dtype, torch.float32)
    return nn.functional.normalize(features.to(dtype), dim=1)


def gather_keys(features: Tensor) -> Tensor:
    """``[B_all, D]`` unit rows of the features of all ranks, without gradient."""
    return torch.cat(dist.all_gather(unit_rows(features.detach())))
