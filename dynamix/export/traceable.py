"""Makes encoders fit for ``torch.export``, where their code is not."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import torch
from mmpretrain.models.utils import ShiftWindowMSA
from torch import Tensor, nn


def traceable_copy(encoder: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Returns a copy of an encoder whose export works for any number of images.

    Its weights lie in memory as PyTorch's defaults do. Before it is exported, it must
    be run once, which makes the masks of a Swin transformer; they become constants.

    Args:
        encoder (nn.Module): In evaluation mode.
        dtype (torch.dtype): Of the backbone's numbers.
    """
    copied = deepcopy(encoder).to(memory_format=torch.contiguous_format)

    @cache
    def mask(*args: Any, **kwargs: Any) -> Tensor | None:
        made = ShiftWindowMSA.get_attn_mask(*args, **kwargs)
        return made if made is None else made.to(dtype)

    module: Any
    for module in copied.modules():
        # mmcv's name of instance normalization, which no Python code can contain
        if getattr(module, 'norm_name', None) == 'in':
            module.norm_name = 'instance_norm'
            module.add_module('instance_norm', module._modules.pop('in'))
        if isinstance(module, ShiftWindowMSA):
            module.window_reverse = _window_reverse
            module.get_attn_mask = mask
    return copied


def _window_reverse(windows: Tensor, height: int, width: int, side: int) -> Tensor:
    """As that of MMPretrain, whose number of images becomes a constant.

    Args:
        windows (Tensor): ``[B * windows, side, side, C]``.
        height (int): Of the map.
        width (int): Of the map.
        side (int): Of a window.

    Returns:
        Tensor: ``[B, height, width, C]``.
    """
    channels = windows.shape[-1]
    grid = (height // side, width // side)
    rows = windows.reshape(-1, *grid, side, side, channels).transpose(2, 3)
    return rows.reshape(-1, height, width, channels)
