from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch


class DeviceRows:
    """A matrix on a GPU that is read as an array would be, some rows at a time.

    Args:
        storage (torch.Tensor): ``[n, D]`` on any device.
    """

    def __init__(self, storage: torch.Tensor) -> None:
        self._storage = storage

    def __len__(self) -> int:
        return len(self._storage)

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, D)``."""
        return tuple(self._storage.shape)

    def tensor(self, rows: slice | np.ndarray) -> torch.Tensor:
        """Some rows, on the device."""
        if isinstance(rows, slice):
            return self._storage[rows]
        index = torch.from_numpy(np.asarray(rows)).to(self._storage.device)
        return self._storage[index]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Copies some rows to the CPU."""
        return self.tensor(rows).cpu().numpy()


def as_rows(embedding: Any) -> np.ndarray:
    """An array of what is not on a GPU; :class:`DeviceRows` stay where they are."""
    if isinstance(embedding, DeviceRows):
        return cast(np.ndarray, embedding)
    return np.asarray(embedding)
