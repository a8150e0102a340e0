"""Copies to the device that the host does not wait for.

A host that waits for the device in each step leaves it idle until the next kernels are
launched.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Copies an array to a device.

    Args:
        array (np.ndarray): Any array; on the CPU the tensor shares its memory.
        device (torch.device): Where to.

    Returns:
        Tensor: Its values, there.
    """
    tensor = torch.from_numpy(array)
    if device.type == 'cpu':
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
