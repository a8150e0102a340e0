from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from mmengine import dist
from torch import Tensor

from .order_free_mean import add_fixed, from_fixed, order_free_sum, to_unit
from .shard import Shard

_BLOCK = 1 << 16
_GROUPS = 1 << 12


class EmbeddingSource(Protocol):
    """What a memory asks of the feature bank; rows are single-camera images.

    Attributes:
        embedding: ``[n, D]`` array or CPU tensor, floating point; or what gives one
            when it is indexed by row numbers, and has a ``shape``.
        visited: ``[n]`` bool array or CPU tensor; the others' embeddings mean nothing.
    """

    @property
    def embedding(self) -> np.ndarray | Tensor: ...

    @property
    def visited(self) -> np.ndarray | Tensor: ...


def check_bank(bank: EmbeddingSource, num_images: int, dim: int) -> None:
    """Raises a ValueError if a bank is not of ``[num_images, dim]``."""
    if bank.embedding.shape != (num_images, dim):
        raise ValueError(
            f'expected a bank of {num_images} embeddings of length {dim}, but got the '
            f'shape {tuple(bank.embedding.shape)}.'
        )


class RelabelingPlan(NamedTuple):
    """Where the centroid of each identity comes from after a relabeling.

    Attributes:
        inherited (np.ndarray): ``[P]`` identities of after that take over centroids,
            sorted, one entry for each centroid taken over.
        source (np.ndarray): ``[P]`` the identity of before.
        weight (np.ndarray): ``[P]`` float64 number of images that moved along.
        recomputed (np.ndarray): Identities of after to be computed from embeddings.
        cleared (np.ndarray): Identities of before that no image has any more.
    """

    inherited: np.ndarray
    source: np.ndarray
    weight: np.ndarray
    recomputed: np.ndarray
    cleared: np.ndarray


def plan_relabeling(before: np.ndarray, after: np.ndarray) -> RelabelingPlan:
    """Compares the labels of all single-camera images before and after.

    An identity all of whose images come from identities that went into it as a whole
    (dropped images aside) inherits their centroids. If a part of one of them went
    elsewhere, or none of its images had an identity, it is recomputed. An identity
    whose only source is itself is in no list: its centroid stays.

    Args:
        before (np.ndarray): ``[n]`` integers, -1 for dropped images.
        after (np.ndarray): ``[n]`` integers, -1 for dropped images.

    Returns:
        RelabelingPlan: What to do.

    Raises:
        ValueError: If the arrays differ in length.
    """
    before, after = np.asarray(before), np.asarray(after)
    if before.shape != after.shape:
        raise ValueError(
            'before and after must label the same images, but have the shapes '
            f'{before.shape} and {after.shape}.'
        )
    space = int(max(before.max(initial=-1), after.max(initial=-1))) + 1
    kept = (before >= 0) & (after >= 0)
    pairs, weight = np.unique(
        after[kept].astype(np.int64) * space + before[kept], return_counts=True
    )
    new, old = pairs // max(space, 1), pairs % max(space, 1)
    parts = np.bincount(old, minlength=space)
    present_before, present_after = np.zeros((2, space), dtype=bool)
    present_before[before[before >= 0]] = True
    present_after[after[after >= 0]] = True
    partial = np.zeros(space, dtype=bool)
    partial[new[parts[old] > 1]] = True
    sources = np.bincount(new, minlength=space)
    recomputed = present_after & (partial | (sources == 0))
    stays = (sources[new] == 1) & (new == old)
    inherits = ~recomputed[new] & ~stays
    return RelabelingPlan(
        inherited=new[inherits],
        source=old[inherits],
        weight=weight[inherits].astype(np.float64),
        recomputed=np.flatnonzero(recomputed),
        cleared=np.flatnonzero(present_before & ~present_after),
    )


def inherited_centroids(
    plan: RelabelingPlan, centroids: Tensor, initialized: Tensor, shard: Shard
) -> tuple[np.ndarray, Tensor]:
    """Means of the centroids that identities take over, weighted by images.

    Args:
        plan (RelabelingPlan): What to do.
        centroids (Tensor): ``[C_r, D]`` of before, the rows of this rank.
        initialized (Tensor): ``[C_r]`` bool; other centroids have no weight.
        shard (Shard): Which rows they are. If there are several ranks, all of them
            must call this.

    Returns:
        tuple[np.ndarray, Tensor]: ``[G]`` rows of this rank and their ``[G, D]`` unit
        centroids, zeros where no source was initialised; type and device of
        ``centroids``.
    """
    device = centroids.device
    identity, group = np.unique(plan.inherited, return_inverse=True)
    weight = plan.weight / np.bincount(group, plan.weight)[group]
    source, target = shard.local(plan.source), shard.local(identity)
    result = centroids.new_zeros(int((target >= 0).sum()), centroids.shape[1])
    place = np.cumsum(target >= 0) - 1
    for first, last, rows in _blocks(group, len(identity)):
        here = np.flatnonzero(source[rows] >= 0) + rows.start
        taken = torch.from_numpy(source[here]).to(device)
        share = torch.from_numpy(weight[here]).to(device) * initialized[taken]
        total = order_free_sum(
            centroids[taken].double() * share[:, None],
            torch.from_numpy(group[here] - first).to(device),
            last - first,
        )
        if shard.count > 1:
            # Sums of order_free_sum stay exact when they are added up.
            dist.all_reduce(total)
        mine = np.flatnonzero(target[first:last] >= 0)
        unit, _ = to_unit(total[torch.from_numpy(mine).to(device)])
        result[torch.from_numpy(place[mine + first]).to(device)] = unit.to(result.dtype)
    return target[target >= 0], result


def recomputed_centroids(
    plan: RelabelingPlan,
    after: np.ndarray,
    bank: EmbeddingSource,
    dtype: torch.dtype,
    shard: Shard,
    shared: bool = False,
) -> tuple[np.ndarray, Tensor]:
    """Means of the banked embeddings of the identities to be recomputed.

    Args:
        plan (RelabelingPlan): What to do.
        after (np.ndarray): Labels after the relabeling of the images in the bank.
        bank (EmbeddingSource): Their embeddings.
        dtype (torch.dtype): Type of the result.
        shard (Shard): Rows of this rank; others are passed over.
        shared (bool): Other ranks have banks of other images, all of them call this,
            and means are those of all images. Defaults to False.

    Returns:
        tuple[np.ndarray, Tensor]: ``[G]`` rows of this rank and their ``[G, D]`` unit
        centroids on the CPU, zeros where no image was visited.
    """
    local = shard.local(plan.recomputed)
    mine = local >= 0
    identity = plan.recomputed if shared else plan.recomputed[mine]
    wanted = mine if shared else np.ones(len(identity), dtype=bool)
    result = torch.zeros(int(mine.sum()), bank.embedding.shape[1], dtype=dtype)
    if not len(identity):
        return local[mine], result
    after = np.asarray(after)
    # An identity here may have no image in this rank's bank.
    place = np.full(int(max(after.max(initial=-1), identity[-1])) + 1, -1)
    place[identity] = np.arange(len(identity))
    group = np.where(after >= 0, place[np.maximum(after, 0)], -1)
    images = np.flatnonzero((group >= 0) & np.asarray(bank.visited))
    images = images[np.argsort(group[images], kind='stable')]
    group = group[images]
    written = 0
    for first in range(0, len(identity), _GROUPS):
        some = wanted[first : first + _GROUPS]
        total = torch.zeros(len(some), result.shape[1], dtype=torch.int64)
        start, stop = np.searchsorted(group, [first, first + len(some)])
        for begin in range(start, stop, _BLOCK):
            rows = slice(begin, min(begin + _BLOCK, stop))
            values = torch.as_tensor(bank.embedding[images[rows]])
            add_fixed(total, values, torch.from_numpy(group[rows] - first))
        if shared:
            dist.all_reduce(total)
        unit, _ = to_unit(from_fixed(total[torch.from_numpy(some)]))
        result[written : written + len(unit)] = unit.to(dtype)
        written += len(unit)
    return local[mine], result


def _blocks(group: np.ndarray, num_groups: int) -> list[tuple[int, int, slice]]:
    """Cuts sorted group numbers into runs of whole groups of about a block's rows.

    Returns:
        list[tuple[int, int, slice]]: First group, last group + 1, and the rows.
    """
    ends = np.searchsorted(group, np.arange(num_groups), side='right')
    starts = np.concatenate([[0], ends])[:num_groups]
    firsts = np.flatnonzero(np.diff(starts // _BLOCK, prepend=-1))
    lasts = np.append(firsts[1:], num_groups)
    return [
        (int(first), int(last), slice(int(starts[first]), int(ends[last - 1])))
        for first, last in zip(firsts, lasts)
        if ends[last - 1] > starts[first]
    ]
