from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

NEVER = -1


class FeatureBank:
    """The latest embedding of every image that training has visited.

    Fixed memory: ``num_images * (dim * itemsize + 4)`` bytes, of which untouched
    pages cost nothing. A write costs O(batch), whatever the number of images.

    Args:
        num_images (int): Number of rows ``n``.
        dim (int): Embedding size ``D``.
        dtype (str | np.dtype): Storage type. Defaults to ``'float16'``.
        path (str, optional): Keep the embeddings in this file, memory-mapped,
            rather than in memory. It is created or overwritten. Defaults to None.

    Raises:
        ValueError: If a size is negative or ``dtype`` is no floating type.
    """

    def __init__(
        self,
        num_images: int,
        dim: int,
        dtype: str | np.dtype = 'float16',
        path: str | os.PathLike | None = None,
    ) -> None:
        if num_images < 0 or dim < 1:
            raise ValueError(
                'a feature bank needs num_images >= 0 and dim >= 1, but got '
                f'num_images={num_images}, dim={dim}.'
            )
        if not np.issubdtype(dtype, np.floating):
            raise ValueError(f'dtype must be a floating type, but got {dtype}.')
        shape = (int(num_images), int(dim))
        if path is None or num_images == 0:
            # calloc: pages of images never visited are never touched
            self._embedding = np.zeros(shape, dtype)
        else:
            self._embedding = np.lib.format.open_memmap(
                os.fspath(path), mode='w+', dtype=np.dtype(dtype), shape=shape
            )
        self._iteration = np.full(shape[0], NEVER, np.int32)
        self.num_quarantined = 0

    def __len__(self) -> int:
        return len(self._iteration)

    @property
    def embedding(self) -> np.ndarray:
        """``[n, D]``: rows of images never visited are zero."""
        return self._embedding

    @property
    def iteration(self) -> np.ndarray:
        """``[n]`` int32: the iteration a row was made at; -1: never."""
        return self._iteration

    @property
    def visited(self) -> np.ndarray:
        """``[n]`` bool: whether a row has been written."""
        return self._iteration >= 0

    def valid(self, now: int, max_age: int | None = None) -> np.ndarray:
        """Rows young enough to vote.

        Args:
            now (int): The present iteration.
            max_age (int, optional): Rows made more iterations ago do not count.
                Defaults to None: every visited row counts.

        Returns:
            np.ndarray: ``[n]`` bool.
        """
        if max_age is None:
            return self.visited
        return self.visited & (self._iteration >= int(now) - int(max_age))

    def write(
        self,
        rows: np.ndarray,
        embeddings: np.ndarray | torch.Tensor,
        iteration: int,
    ) -> int:
        """Stores a batch; where a row occurs twice, its last embedding wins.

        Embeddings with NaN or Inf, too large for the storage type, or all zero are
        not stored; they are counted in ``num_quarantined``.

        Args:
            rows (np.ndarray): ``[B]`` integers in ``-1..n-1``; -1 is ignored.
            embeddings (np.ndarray | torch.Tensor): ``[B, D]``.
            iteration (int): The iteration they were made at, at least 0.

        Returns:
            int: Number of embeddings that were quarantined now.

        Raises:
            ValueError: If shapes do not fit or a row is out of range.
        """
        if isinstance(embeddings, torch.Tensor):
            embeddings = embeddings.detach().float().cpu().numpy()
        embeddings = np.asarray(embeddings)
        rows = np.asarray(rows, dtype=np.int64)
        if embeddings.shape != (len(rows), self._embedding.shape[1]):
            raise ValueError(
                f'expected embeddings of shape {(len(rows), self._embedding.shape[1])} '
                f'for {len(rows)} rows, but got {embeddings.shape}.'
            )
        if iteration < 0:
            raise ValueError(f'iteration must be at least 0, but got {iteration}.')
        if rows.size and not -1 <= rows.min() <= rows.max() < len(self):
            raise ValueError(
                f'rows must lie in -1..{len(self) - 1}, but range over '
                f'{rows.min()}..{rows.max()}.'
            )
        with np.errstate(over='ignore', invalid='ignore'):
            stored = embeddings.astype(self._embedding.dtype)
        healthy = np.isfinite(stored).all(1) & stored.any(1)
        quarantined = int(np.count_nonzero(~healthy & (rows >= 0)))
        self.num_quarantined += quarantined
        keep = np.flatnonzero(healthy & (rows >= 0))
        # of equal rows the last: the first in reversed order
        unique, last = np.unique(rows[keep][::-1], return_index=True)
        self._embedding[unique] = stored[keep[::-1][last]]
        self._iteration[unique] = iteration
        return quarantined

    def state_dict(self) -> dict[str, Any]:
        """Visited rows only, as tensors and plain types."""
        rows = np.flatnonzero(self.visited)
        return dict(
            rows=torch.from_numpy(rows),
            embedding=torch.from_numpy(np.ascontiguousarray(self._embedding[rows])),
            iteration=torch.from_numpy(self._iteration[rows]),
            num_images=len(self),
            num_quarantined=self.num_quarantined,
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores :meth:`state_dict`.

        Raises:
            ValueError: If the state is of a bank of another size.
        """
        dim = int(state['embedding'].shape[1])
        found, expected = (state['num_images'], dim), self._embedding.shape
        if found != expected:
            raise ValueError(
                f'the checkpoint has a feature bank of {found[0]} images x {found[1]} '
                f'dimensions, this run needs {expected[0]} x {expected[1]}: resume '
                'with the data and the model the run began with.'
            )
        self._embedding[self.visited] = 0
        self._iteration[:] = NEVER
        rows = state['rows'].numpy()
        self._embedding[rows] = state['embedding'].numpy()
        self._iteration[rows] = state['iteration'].numpy()
        self.num_quarantined = int(state['num_quarantined'])
