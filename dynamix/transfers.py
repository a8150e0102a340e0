"""Copies between host and device that the host does not wait for.

A host that waits for the device in each step leaves it idle until the next kernels are
launched; so a step only sends, and what it sent is read one step later.
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


class HostCopies:
    """Tensors on their way to the host.

    Args:
        tensors (Tensor): Of one device, or of the CPU, where they are there already
            and must not change until they are read.

    Raises:
        ValueError: If they are of several devices.
    """

    def __init__(self, *tensors: Tensor) -> None:
        self._tensors = [x.detach().to('cpu', non_blocking=True) for x in tensors]
        self._sent = None
        devices = {x.device for x in tensors if x.device.type != 'cpu'}
        if len(devices) > 1:
            raise ValueError(f'expected tensors of one device, but found {devices}.')
        for device in devices:
            module = torch.get_device_module(device)
            self._sent = module.Event()
            # of the tensors' device, which need not be the current one
            self._sent.record(module.current_stream(device))

    def read(self) -> list[Tensor]:
        """Waits until they are there.

        Returns:
            list[Tensor]: The tensors, on the CPU.
        """
        if self._sent is not None:
            self._sent.synchronize()
        return self._tensors
