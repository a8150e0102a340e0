from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from mmengine import dist
from torch import Tensor

Rows = TypeVar('Rows', Tensor, np.ndarray)

_BLOCK_BYTES = 1 << 25


@dataclass(frozen=True)
class Shard:
    """Which rows of a memory live on this rank: every ``count``-th one.

    Rows are dealt out in turn, so a memory that grows moves none of them.

    Args:
        rank (int): Number of this rank. Defaults to 0.
        count (int): Number of ranks that share the memory. Defaults to 1.
    """

    rank: int = 0
    count: int = 1

    def size(self, num_rows: int) -> int:
        """How many of ``num_rows`` rows live here."""
        return (num_rows - self.rank + self.count - 1) // self.count

    def local(self, rows: Rows) -> Rows:
        """Where rows live in the part of this rank; -1: elsewhere, or no row."""
        if self.count == 1:
            return rows
        here = (rows >= 0) & (rows % self.count == self.rank)
        if isinstance(rows, Tensor):
            return torch.where(here, rows // self.count, -1)
        return np.where(here, rows // self.count, -1)

    def gather(self, part: Tensor, num_rows: int) -> Tensor:
        """Collects all rows on rank 0, a block at a time; all ranks call it.

        Args:
            part (Tensor): ``[size(num_rows), ...]`` the rows of this rank.
            num_rows (int): Number of rows of the whole.

        Returns:
            Tensor: ``[num_rows, ...]`` on the CPU of rank 0, no rows elsewhere.
        """
        whole = torch.empty(
            (num_rows if self.rank == 0 else 0, *part.shape[1:]), dtype=part.dtype
        )
        most = -(-num_rows // self.count)
        width = part.element_size() * math.prod(part.shape[1:])
        step = max(1, _BLOCK_BYTES // width)
        for start in range(0, most, step):
            stop = min(start + step, most)
            held = part[start:stop]
            padded = held.new_zeros(stop - start, *held.shape[1:])
            padded[: len(held)] = held
            # Bytes: not every backend knows bool and bfloat16.
            received = dist.all_gather(padded.view(torch.uint8))
            for rank, rows in enumerate(received):
                places = whole[start * self.count + rank : stop * self.count]
                places = places[:: self.count]
                places.copy_(rows.view(part.dtype)[: len(places)])
        return whole
