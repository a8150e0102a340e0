from __future__ import annotations

import contextlib
import mmap
import os
from typing import cast

import numpy as np
import torch

from dynamix.transfers import to_device

from .device_rows import DeviceRows

NEVER = -1


class FeatureBank:
    """The latest embedding of every image that training has visited.

    Fixed memory: ``num_images * (dim * itemsize + 4)`` bytes, of which pages of 4 KB
    that no image was written to cost nothing unless they are pinned or on a GPU. A
    write costs O(batch), whatever the number of images.

    Args:
        num_images (int): Number of rows ``n``.
        dim (int): Embedding size ``D``.
        dtype (str): Storage type, ``'float16'``, ``'float32'`` or ``'float64'``.
            Defaults to ``'float16'``.
        device (str): Where embeddings are kept, such as ``'cpu'`` or ``'cuda'``.
            Defaults to ``'cpu'``.
        pinned (bool): Page-locked memory, from which copies to a GPU are faster;
            PyTorch rounds its size up to a power of two. Defaults to False.
        path (str, optional): Keep the embeddings in this file, memory-mapped,
            rather than in memory. It is created or overwritten. Defaults to None.

    Raises:
        ValueError: If a size is negative, ``dtype`` is no such type, or options
            exclude each other.
    """

    def __init__(
        self,
        num_images: int,
        dim: int,
        dtype: str = 'float16',
        device: str = 'cpu',
        pinned: bool = False,
        path: str | os.PathLike | None = None,
    ) -> None:
        if num_images < 0 or dim < 1:
            raise ValueError(
                'a feature bank needs num_images >= 0 and dim >= 1, but got '
                f'num_images={num_images}, dim={dim}.'
            )
        if dtype not in ('float16', 'float32', 'float64'):
            raise ValueError(
                "dtype must be 'float16', 'float32' or 'float64', a floating type of "
                f'NumPy, but got {dtype!r}.'
            )
        on_cpu = torch.device(device).type == 'cpu'
        if not on_cpu and (pinned or path is not None):
            raise ValueError(f'pinned and path need device="cpu", but it is {device}.')
        if pinned and (path is not None or not torch.cuda.is_available()):
            raise ValueError(
                'a feature bank with pinned=True needs a GPU (CUDA is '
                f'{"there" if torch.cuda.is_available() else "not available"}) and '
                f'excludes path, which is {path!r}.'
            )
        shape = (int(num_images), int(dim))
        if not on_cpu:
            self._storage = torch.zeros(
                shape, dtype=getattr(torch, dtype), device=device
            )
        elif pinned:
            self._storage = torch.zeros(
                shape, dtype=getattr(torch, dtype), pin_memory=True
            )
        elif path is None or num_images == 0:
            self._storage = torch.from_numpy(_small_pages(shape, dtype))
        else:
            self._storage = torch.from_numpy(
                np.lib.format.open_memmap(
                    os.fspath(path), mode='w+', dtype=np.dtype(dtype), shape=shape
                )
            )
        self._iteration = np.full(shape[0], NEVER, np.int32)
        self.num_quarantined = 0

    def __len__(self) -> int:
        return len(self._iteration)

    @property
    def embedding(self) -> np.ndarray:
        """``[n, D]``: rows of images never visited are zero.

        If they are on a GPU it is no array, but has a shape and a length, and rows
        that are taken from it are an array.
        """
        if self._storage.device.type == 'cpu':
            return self._storage.numpy()
        return cast(np.ndarray, DeviceRows(self._storage))

    @property
    def dtype(self) -> np.dtype:
        """Storage type."""
        return np.dtype(str(self._storage.dtype).removeprefix('torch.'))

    @property
    def device(self) -> torch.device:
        """Where the embeddings are."""
        return self._storage.device

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
        stored, healthy = self.prepare(torch.as_tensor(embeddings))
        stored = stored.to(self._storage.device)
        return self.store(rows, stored, healthy.cpu(), iteration)

    def prepare(self, embeddings: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The part of a write that is done where the embeddings are.

        Args:
            embeddings (torch.Tensor): ``[B, D]`` floats.

        Returns:
            tuple[torch.Tensor, torch.Tensor]: ``[B, D]`` in the storage type; ``[B]``
            bool, which of them can be stored.

        Raises:
            ValueError: If they are not ``D`` long.
        """
        if embeddings.dim() != 2 or embeddings.shape[1] != self._storage.shape[1]:
            raise ValueError(
                f'embeddings must be of shape (B, {self._storage.shape[1]}), but are '
                f'of {tuple(embeddings.shape)}.'
            )
        stored = embeddings.detach().to(self._storage.dtype)
        return stored, stored.isfinite().all(1) & (stored != 0).any(1)

    def store(
        self,
        rows: np.ndarray,
        stored: torch.Tensor,
        healthy: torch.Tensor,
        iteration: int,
    ) -> int:
        """The part of a write that is done where the bank is; see :meth:`write`.

        Args:
            rows (np.ndarray): ``[B]`` integers in ``-1..n-1``; -1 is ignored.
            stored (torch.Tensor): ``[B, D]`` of :meth:`prepare`, on the bank's device.
            healthy (torch.Tensor): ``[B]`` of :meth:`prepare`, on the CPU.
            iteration (int): The iteration they were made at, at least 0.

        Returns:
            int: Number of embeddings that were quarantined now.

        Raises:
            ValueError: If the lengths differ or a row is out of range.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if rows.shape != (len(stored),):
            raise ValueError(
                f'expected a row for each of {len(stored)} embeddings, but got rows of '
                f'shape {rows.shape}.'
            )
        if iteration < 0:
            raise ValueError(f'iteration must be at least 0, but got {iteration}.')
        if rows.size and not -1 <= rows.min() <= rows.max() < len(self):
            raise ValueError(
                f'rows must lie in -1..{len(self) - 1}, but range over '
                f'{rows.min()}..{rows.max()}.'
            )
        named = np.flatnonzero(rows >= 0)
        keep = named[healthy.numpy()[named]][::-1]
        quarantined = len(named) - len(keep)
        self.num_quarantined += quarantined
        if len(keep):
            # of equal rows the last: the first in reversed order
            unique, last = np.unique(rows[keep], return_index=True)
            target, source = (to_device(x, stored.device) for x in (unique, keep[last]))
            self._storage[target] = stored[source]
            self._iteration[unique] = iteration
        return quarantined

    def restore(
        self, rows: np.ndarray, embeddings: np.ndarray, iteration: np.ndarray
    ) -> None:
        """Puts back rows as they were read from a bank.

        Args:
            rows (np.ndarray): ``[m]`` distinct rows.
            embeddings (np.ndarray): ``[m, D]`` their embeddings.
            iteration (np.ndarray): ``[m]`` the iterations they were made at.
        """
        device, dtype = self._storage.device, self._storage.dtype
        target = torch.from_numpy(np.asarray(rows, np.int64)).to(device)
        self._storage[target] = torch.from_numpy(np.array(embeddings)).to(device, dtype)
        self._iteration[rows] = iteration

    def clear(self) -> None:
        """Forgets all embeddings."""
        self._storage[torch.from_numpy(self.visited).to(self._storage.device)] = 0
        self._iteration[:] = NEVER
        self.num_quarantined = 0


def _small_pages(shape: tuple[int, int], dtype: str) -> np.ndarray:
    """Zeros; as ``np.zeros`` but for huge pages, of which one row would touch 2 MB."""
    size = shape[0] * shape[1]
    memory = mmap.mmap(-1, max(1, size * np.dtype(dtype).itemsize))
    if hasattr(mmap, 'MADV_NOHUGEPAGE'):
        with contextlib.suppress(OSError):  # a kernel without huge pages
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype, size).reshape(shape)
