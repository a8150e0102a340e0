from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine import dist
from torch import Tensor

from .follow_relabeling import (
    EmbeddingSource,
    check_bank,
    inherited_centroids,
    plan_relabeling,
    recomputed_centroids,
)
from .memory_rows import MemoryRows
from .order_free_mean import batch_means, to_unit
from .sampled_negatives import NegativeSample
from .sharded_softmax import sharded_softmax_loss
from .softmax_backend import BACKENDS
from .streamed_softmax import streamed_softmax_loss


class CentroidMemory(MemoryRows):
    """One unit vector for each identity (or other class), kept over training.

    Source: DynaMix, efficient centroids. A centroid is set at the first visit of its
    identity and is no part of any softmax before that. All state is in buffers, none
    of it has a gradient.

    Args:
        num_centroids (int): Number of centroids ``C``.
        dim (int): Length ``D`` of an embedding.
        momentum (float): Share of the old centroid that an update keeps, in
            ``[0, 1]``: 0 takes the mean of the batch, 1 never changes. Defaults to
            0.2.
        dtype (str | torch.dtype): Storage: ``'float32'``, ``'bfloat16'``,
            ``'float16'`` or ``'float64'``. Defaults to ``'float32'``.
        chunk_size (int, optional): Centroids read at a time. Defaults to None, by
            device and backend.
        sharded (bool): Deal the centroids out to the ranks, as Partial FC does. Calls
            then are collective, batches must be of one size, and :meth:`gather` must
            precede ``state_dict``. Defaults to False, every rank has all.
        backend (str): ``'torch'``, ``'triton'`` or ``'auto'``, which uses the kernel on
            recent GPUs, see :func:`~dynamix.models.memory.streamed_softmax_loss`.
            Defaults to ``'torch'``, as the kernel was never run on a GPU yet.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        num_centroids: int,
        dim: int,
        momentum: float = 0.2,
        dtype: str | torch.dtype = torch.float32,
        chunk_size: int | None = None,
        sharded: bool = False,
        backend: str = 'torch',
    ) -> None:
        if not 0 <= momentum <= 1:
            raise ValueError(f'memory.momentum must lie in [0, 1], but got {momentum}.')
        if isinstance(dtype, str):
            dtype = getattr(torch, dtype, dtype)
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise ValueError(
                "memory.dtype must name a floating-point type such as 'float32' or "
                f"'bfloat16', but got {dtype!r}."
            )
        if chunk_size is not None and chunk_size < 1:
            raise ValueError(
                f'memory.chunk_size must be at least 1, but got {chunk_size}.'
            )
        if backend not in BACKENDS:
            raise ValueError(
                f'memory.backend must be one of {BACKENDS}, but got {backend!r}.'
            )
        super().__init__(num_centroids, dim, dtype, sharded)
        self.momentum = momentum
        self.reading = dict(chunk_size=chunk_size, backend=backend)

    def extra_repr(self) -> str:
        return (
            f'{len(self)} x {self.centroids.shape[1]}, {self.centroids.dtype}, '
            f'momentum={self.momentum}, shards={self.shard.count}'
        )

    def softmax_loss(
        self,
        features: Tensor,
        positives: Tensor,
        temperature: float,
        topk: int | None = None,
        drawn: Tensor | None = None,
        **options: Any,
    ) -> tuple[Tensor, Tensor]:
        """Streamed cross-entropy against all initialised centroids.

        Args:
            features (Tensor): ``[B, D]`` of unit length.
            positives (Tensor): ``[B]`` or ``[B, K]`` int64 rows, -1: none.
            temperature (float): Above 0.
            topk (int, optional): Most similar negatives that count. Defaults to None.
            drawn (Tensor, optional): ``[m]`` int64 rows that stand, with the positives
                of all ranks, for all negatives. Batches then must be of one size.
                Defaults to None.
            **options: ``excluded`` and ``label_smoothing`` of
                :func:`~dynamix.models.memory.streamed_softmax_loss`.

        Returns:
            tuple[Tensor, Tensor]: ``[B]`` loss of each anchor, and ``[B]`` bool: which
            have an initialised positive; the others' loss is 0.
        """
        options.update(self.reading, valid=self.initialized)
        # Ranks must agree on it, whatever the size of their parts.
        options['topk'] = None if topk is None else min(topk, max(len(self), 1))
        if drawn is not None:
            batch = torch.cat(dist.all_gather(positives.flatten().contiguous()))
            options['sample'] = NegativeSample(batch, drawn)
        anchors = (features, self.centroids, positives, temperature)
        if self.shard.count > 1:
            return sharded_softmax_loss(*anchors, self.shard, **options)
        found = (positives >= 0) & self.initialized[positives.clamp_min(0)]
        found = found if found.dim() == 1 else found.any(dim=1)
        return streamed_softmax_loss(*anchors, **options), found

    @torch.no_grad()
    def initialize(self, embeddings: Tensor, labels: Tensor) -> None:
        """Sets centroids that are not initialised to the mean of the batch.

        Args:
            embeddings (Tensor): ``[B, D]`` of unit length.
            labels (Tensor): ``[B]`` int64 rows; -1 leaves an image out.
        """
        self._write(embeddings, labels, first_visit=True)

    @torch.no_grad()
    def update(self, embeddings: Tensor, labels: Tensor) -> None:
        """Moves the centroids of a batch towards the mean of their embeddings.

        ``c <- normalize(momentum * c + (1 - momentum) * mean)``, once for each
        identity of the batch; the result does not depend on the order of the batch,
        not in one bit, and the cost not on ``C``. Embeddings that are not finite, or
        that cancel out, change nothing.

        Args:
            embeddings (Tensor): ``[B, D]`` of unit length.
            labels (Tensor): ``[B]`` int64 rows; -1 leaves an image out.
        """
        self._write(embeddings, labels, first_visit=False)

    def _write(self, embeddings: Tensor, labels: Tensor, first_visit: bool) -> None:
        self._whole = None
        if not len(labels) or not len(self.initialized):
            return
        # One entry an image; entries of one label write the same bits.
        target, mean, any_label = batch_means(embeddings, self.shard.local(labels))
        stored = self.centroids[target]
        known = self.initialized[target]
        blend = self.momentum * stored.double() + (1 - self.momentum) * mean
        value, has_direction = to_unit(torch.where(known[:, None], blend, mean))
        write = has_direction & any_label
        if first_visit:
            write &= ~known
        value = torch.where(write[:, None], value.to(stored.dtype), stored)
        self.centroids[target] = value
        self.initialized[target] = known | write

    @torch.no_grad()
    def follow_relabeling(
        self,
        before: np.ndarray,
        after: np.ndarray,
        bank: EmbeddingSource,
        num_centroids: int | None = None,
        rows: np.ndarray | None = None,
    ) -> None:
        """Moves the centroids along with a relabeling.

        Merged identities take the mean of the old centroids weighted by number of
        images, those that got a part of another are recomputed from the bank,
        vanished ones and those without a visited image go back to "not initialised".
        All others stay as they are. Every rank gets the same bits.

        Args:
            before (np.ndarray): ``[n]`` identities of the single-camera images, -1
                for dropped ones.
            after (np.ndarray): ``[n]`` their identities now.
            bank (EmbeddingSource): Embeddings of the same images, or of ``rows``.
            num_centroids (int, optional): The new ``C``, if it changed. Defaults to
                None.
            rows (np.ndarray, optional): ``[m]`` the images in this rank's bank, if
                each image is in that of one rank; then all call this. Defaults to None.

        Raises:
            ValueError: If ``before`` and ``after`` differ in length, or the bank
                holds embeddings of another length than the memory.
        """
        check_bank(bank, len(before if rows is None else rows), self.centroids.shape[1])
        plan = plan_relabeling(before, after)
        if num_centroids is not None:
            self.resize(max(num_centroids, len(self)))
        device = self.centroids.device
        parts = (
            inherited_centroids(plan, self.centroids, self.initialized, self.shard),
            recomputed_centroids(
                plan,
                after if rows is None else after[rows],
                bank,
                self.centroids.dtype,
                self.shard,
                shared=rows is not None,
            ),
        )
        gone = self.shard.local(plan.cleared)
        cleared = torch.from_numpy(gone[gone >= 0]).to(device)
        self.centroids[cleared] = 0
        self.initialized[cleared] = False
        self._whole = None
        for local, centroids in parts:
            place = torch.from_numpy(local).to(device)
            self.centroids[place] = centroids.to(device)
            self.initialized[place] = (centroids != 0).any(dim=1).to(device)
