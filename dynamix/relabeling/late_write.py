from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from dynamix.transfers import HostCopies

from .feature_bank import FeatureBank


class LateWrite:
    """A batch on its way into a feature bank.

    The host does not wait for the device before :meth:`finish`, which is called a step
    later, when everything has arrived.

    Args:
        bank (FeatureBank): Where to.
        index (Tensor): ``[B]`` int64 images, on any device.
        embeddings (Tensor): ``[B, D]`` of these, on the same device or the CPU.
        iteration (int): The iteration they were made at.
    """

    def __init__(
        self, bank: FeatureBank, index: Tensor, embeddings: Tensor, iteration: int
    ) -> None:
        stored, healthy = bank.prepare(embeddings)
        self._bank, self._iteration = bank, iteration
        self._stored = stored.to(bank.device, non_blocking=True)
        # after the embeddings, so when these have arrived, they have
        self._copies = HostCopies(index, healthy)

    def finish(self, rows_of: Callable[[np.ndarray], np.ndarray]) -> int:
        """Stores the batch.

        Args:
            rows_of (Callable): Takes ``[B]`` images, gives their rows in the bank, -1
                for those that it does not keep.

        Returns:
            int: Number of embeddings that were quarantined.
        """
        index, healthy = self._copies.read()
        rows = rows_of(index.numpy())
        return self._bank.store(rows, self._stored, healthy, self._iteration)
