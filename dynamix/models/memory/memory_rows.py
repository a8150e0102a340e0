from __future__ import annotations

from typing import Any

import torch
from mmengine import dist
from torch import Tensor, nn

from .shard import Shard


class MemoryRows(nn.Module):
    """The vectors of a memory: their number, where they live, how they are saved.

    Args:
        num_centroids (int): Number of vectors ``C``.
        dim (int): Their length ``D``.
        dtype (torch.dtype): Storage.
        sharded (bool): Deal the rows out to the ranks; else every rank has all.

    Attributes:
        centroids (Tensor): ``[C_r, D]`` the rows of this rank, zeros at first.
        initialized (Tensor): ``[C_r]`` bool, which of them have a value.
        shard (Shard): Which rows they are.
    """

    centroids: Tensor
    initialized: Tensor

    def __init__(
        self, num_centroids: int, dim: int, dtype: torch.dtype, sharded: bool
    ) -> None:
        super().__init__()
        self.shard = Shard()
        if sharded:
            self.shard = Shard(dist.get_rank(), dist.get_world_size())
        self.num_centroids = num_centroids
        size = self.shard.size(num_centroids)
        self.register_buffer('centroids', torch.zeros(size, dim, dtype=dtype))
        self.register_buffer('initialized', torch.zeros(size, dtype=torch.bool))
        # What a sharded memory saves; nothing until it is first written.
        self._whole: tuple[Tensor, Tensor] | None = (
            self.centroids[:0].clone(),
            self.initialized[:0].clone(),
        )

    def __len__(self) -> int:
        return self.num_centroids

    def resize(self, num_centroids: int) -> None:
        """Cuts off centroids at the end or adds some that are not initialised.

        Args:
            num_centroids (int): The new ``C``.
        """
        if num_centroids == len(self):
            return
        size = self.shard.size(num_centroids)
        kept = min(len(self.initialized), size)
        centroids = self.centroids.new_zeros(size, self.centroids.shape[1])
        centroids[:kept] = self.centroids[:kept]
        initialized = self.initialized.new_zeros(size)
        initialized[:kept] = self.initialized[:kept]
        self.centroids, self.initialized = centroids, initialized
        self.num_centroids = num_centroids
        if self._whole is not None and len(self._whole[0]):
            self._whole = None

    @torch.no_grad()
    def gather(self) -> None:
        """Collects a sharded memory on rank 0, for ``state_dict``; all ranks call it.

        The copy is on the CPU and is dropped at the next change. A checkpoint of it
        can be loaded with any number of ranks. Does nothing if not sharded.
        """
        if self.shard.count > 1:
            self._whole = (
                self.shard.gather(self.centroids, len(self)),
                self.shard.gather(self.initialized, len(self)),
            )

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        """Saves the whole memory, also if it is sharded.

        A sharded memory that was never written saves no rows, so that ranks agree
        when MMEngine broadcasts what it initialised.

        Raises:
            RuntimeError: If it is sharded and changed since :meth:`gather`.
        """
        if self.shard.count == 1:
            super()._save_to_state_dict(destination, prefix, keep_vars)
        elif self._whole is None:
            raise RuntimeError(
                'a sharded memory is saved from the copy that gather() makes: have '
                'ShardedMemoryHook in default_hooks, or call it on all ranks after the '
                'last update and before state_dict().'
            )
        else:
            destination[f'{prefix}centroids'] = self._whole[0]
            destination[f'{prefix}initialized'] = self._whole[1]

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Takes over a checkpoint's number of centroids.

        An empty memory (a model for inference, say) passes over a checkpoint's
        centroids, and a memory over those of an empty one.

        Raises:
            ValueError: If the checkpoint's centroids have another length.
        """
        key = f'{prefix}centroids'
        stored = state_dict.get(key)
        if stored is not None:
            if not len(stored) or not len(self):
                return
            if stored.shape[1] != self.centroids.shape[1]:
                raise ValueError(
                    f"'{key}' of the checkpoint holds centroids of length "
                    f'{stored.shape[1]}, but the model has embeddings of length '
                    f'{self.centroids.shape[1]}.'
                )
            self.resize(len(stored))
            mine = slice(self.shard.rank, None, self.shard.count)
            for name in ('centroids', 'initialized'):
                if f'{prefix}{name}' in state_dict:
                    state_dict[f'{prefix}{name}'] = state_dict[f'{prefix}{name}'][mine]
            self._whole = None
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
