from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

# The mean of vectors that cancel out is shorter and has no direction.
_SHORTEST = 1e-6


class CentroidMemory(nn.Module):
    """One unit vector for each identity (or other class), kept over training.

    A centroid that was never set or visited, or was cleared, is *invalid*: no part of
    any softmax. All state is in buffers without gradient, on every rank the same, as
    long as every rank passes the same (gathered) embeddings.

    Source: DynaMix, efficient centroids.

    Args:
        num_centroids (int): Number of centroids ``C``.
        dim (int): Length ``D`` of an embedding.
        momentum (float): Share of the old centroid that an update keeps, in
            ``[0, 1]``: 0 takes the mean of the batch, 1 never changes. Defaults to
            0.2.
        dtype (str | torch.dtype): Storage: ``'float32'``, ``'bfloat16'``,
            ``'float16'`` or ``'float64'``. Defaults to ``'float32'``.

    Raises:
        ValueError: If an argument is out of range.

    Attributes:
        centroids (Tensor): ``[C, D]``.
        valid (Tensor): ``[C]`` bool, which of them have a value.
    """

    centroids: Tensor
    valid: Tensor

    def __init__(
        self,
        num_centroids: int,
        dim: int,
        momentum: float = 0.2,
        dtype: str | torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if not 0 <= momentum <= 1:
            raise ValueError(f'memory.momentum must lie in [0, 1], but got {momentum}.')
        if isinstance(dtype, str):
            dtype = getattr(torch, dtype, dtype)
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise ValueError(
                "memory.dtype must name a floating-point type such as 'float32' or "
                f"'bfloat16', but got {dtype!r}."
            )
        self.momentum = momentum
        self.register_buffer('centroids', torch.zeros(num_centroids, dim, dtype=dtype))
        self.register_buffer('valid', torch.zeros(num_centroids, dtype=torch.bool))

    def __len__(self) -> int:
        return len(self.valid)

    def resize(self, num_centroids: int) -> None:
        """Removes centroids at the end or adds invalid ones.

        Args:
            num_centroids (int): The new ``C``.
        """
        kept = min(len(self), num_centroids)
        for name in ('centroids', 'valid'):
            old = getattr(self, name)
            new = old.new_zeros(num_centroids, *old.shape[1:])
            new[:kept] = old[:kept]
            setattr(self, name, new)

    @torch.no_grad()
    def set(self, rows: Tensor, centroids: Tensor) -> None:
        """Writes centroids, whatever the memory held.

        Args:
            rows (Tensor): ``[m]`` int64 different rows.
            centroids (Tensor): ``[m, D]`` of any length; stored at unit length. A row
                that is zero or not finite becomes invalid.
        """
        rows, centroids = rows.to(self.valid.device), centroids.to(self.valid.device)
        value, has_direction = _to_unit(centroids.double())
        self.centroids[rows] = value.to(self.centroids.dtype)
        self.valid[rows] = has_direction

    @torch.no_grad()
    def clear(self, rows: Tensor) -> None:
        """Makes centroids invalid until they are set or visited.

        Args:
            rows (Tensor): ``[m]`` int64.
        """
        self.valid[rows.to(self.valid.device)] = False

    def initialize(self, embeddings: Tensor, labels: Tensor) -> None:
        """Sets centroids that are invalid to the mean of the batch.

        Args:
            embeddings (Tensor): ``[B, D]`` of unit length.
            labels (Tensor): ``[B]`` int64 rows; -1 leaves an image out.
        """
        self._write(embeddings, labels, first_visit=True)

    def update(self, embeddings: Tensor, labels: Tensor) -> None:
        """Moves the centroids of a batch towards the mean of their embeddings.

        ``c <- normalize(momentum * c + (1 - momentum) * mean)``, once for each
        identity of the batch, at a cost that does not depend on ``C``. Embeddings that
        are not finite, or that cancel out, change nothing.

        Args:
            embeddings (Tensor): ``[B, D]`` of unit length.
            labels (Tensor): ``[B]`` int64 rows; -1 leaves an image out.
        """
        self._write(embeddings, labels, first_visit=False)

    @torch.no_grad()
    def _write(self, embeddings: Tensor, labels: Tensor, first_visit: bool) -> None:
        if not len(labels) or not len(self):
            return
        target, mean, write = _batch_means(embeddings, labels)
        stored, known = self.centroids[target], self.valid[target]
        blend = self.momentum * stored.double() + (1 - self.momentum) * mean
        value, has_direction = _to_unit(torch.where(known[:, None], blend, mean))
        write = write & has_direction
        if first_visit:
            write &= ~known
        self.centroids[target] = torch.where(write[:, None], value.to(stored), stored)
        self.valid[target] = known | write

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Takes over a checkpoint's number of centroids.

        An empty memory (of a model for inference, say) ignores them.
        """
        if not len(self):
            return
        if f'{prefix}valid' in state_dict:
            self.resize(len(state_dict[f'{prefix}valid']))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _batch_means(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean embedding of each label of a batch, in shapes that depend on no value.

    There is one entry for each image, so that a GPU is not waited for. Entries of one
    label are equal to the last bit; images that are left out repeat the entry of
    another image. So all entries can be written to the row of their label.

    Args:
        embeddings (Tensor): ``[B, D]``; images whose embedding is not finite are left
            out.
        labels (Tensor): ``[B]`` int64; -1 leaves an image out.

    Returns:
        tuple[Tensor, Tensor, Tensor]: ``[B]`` int64 labels, none negative; ``[B, D]``
        float64 means of the embeddings of that label; a bool of no dimension that is
        False if every image was left out, in which case the rest has no meaning.
    """
    kept = (labels >= 0) & embeddings.isfinite().all(dim=1)
    same = (labels[:, None] == labels) & kept
    # float64 is what neither autocast nor TF32 rounds.
    total = same.double() @ embeddings.double().masked_fill(~kept[:, None], 0)
    mean = total / same.sum(dim=1, keepdim=True).clamp_min(1)
    # The first image of the label (argmax gives the first of several maxima), or the
    # first image of all.
    place = same.byte().argmax(dim=1).where(kept, kept.byte().argmax())
    return labels[place].clamp_min(0), mean[place], kept.any()


def _to_unit(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors, zeros where a vector has no direction; and ``[n]`` which have."""
    length = vectors.norm(dim=1)
    found = (length > _SHORTEST) & length.isfinite()
    unit = vectors / length.clamp_min(_SHORTEST)[:, None]
    return unit.masked_fill(~found[:, None], 0), found
