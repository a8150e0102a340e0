"""Sums over groups of rows, without a Python loop over groups."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix

from .device_rows import DeviceRows

BLOCK = 32768
CORE_STEPS = 2
FEWEST = 3


def unit(x: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1; zero rows stay zero."""
    length = np.sqrt(np.einsum('ij,ij->i', x, x))[:, None]
    return x / np.maximum(length, 1e-12)


def unit_rows(embedding: np.ndarray, rows: slice | np.ndarray) -> torch.Tensor:
    """Some embeddings, widened and scaled to length 1, where they are.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision and length, or
            :class:`~dynamix.relabeling.device_rows.DeviceRows`.
        rows (slice | np.ndarray): The rows.

    Returns:
        torch.Tensor: ``[m, D]`` float32; zero for rows that are zero or not finite.
    """
    if isinstance(embedding, DeviceRows):
        part = embedding.tensor(rows).to(torch.float32, copy=True)
    else:
        part = torch.from_numpy(np.array(embedding[rows])).float()
    length = torch.linalg.vector_norm(part, dim=1, keepdim=True)
    healthy = torch.isfinite(length) & (length > 0)
    part /= length
    return part if healthy.all() else torch.where(healthy, part, 0.0)


def group_sums(
    x: np.ndarray, group: np.ndarray, count: int, members: np.ndarray | None = None
) -> np.ndarray:
    """Sums the rows of each group.

    Args:
        x (np.ndarray): ``[n, D]`` floats.
        group (np.ndarray): ``[m]`` the group of each member, in ``0..count-1``, in any
            order.
        count (int): Number of groups.
        members (np.ndarray, optional): ``[m]`` rows that count. Defaults to None: all.

    Returns:
        np.ndarray: ``[count, D]``.
    """
    order = sort_stably(group)
    rows = order if members is None else members[order]
    end = np.cumsum(np.bincount(group, minlength=count))
    selector = csr_matrix(
        (
            np.ones(len(rows), x.dtype),
            rows.astype(np.int32),
            np.append(0, end).astype(np.int32),
        ),
        shape=(count, len(x)),
    )
    return selector @ x


def means_of_members(
    x: torch.Tensor, members: np.ndarray, group: np.ndarray
) -> torch.Tensor:
    """Means of groups of rows, where they are; always summed in the same order.

    Args:
        x (torch.Tensor): ``[n, D]`` float32.
        members (np.ndarray): ``[m]`` rows that count.
        group (np.ndarray): ``[m]`` the group of each, sorted, in ``0..G-1``, none
            empty.

    Returns:
        torch.Tensor: ``[G, D]``.
    """
    size = np.bincount(group)
    if x.device.type != 'cpu':
        lengths = torch.from_numpy(size).to(x.device)
        rows = torch.from_numpy(members).to(x.device)
        return torch.segment_reduce(x[rows], 'mean', lengths=lengths)
    # on a CPU, SciPy is 8 times as fast and copies no rows
    weight = np.repeat((1 / size).astype(np.float32), size)
    selector = csr_matrix((weight, (group, members)), shape=(len(size), len(x)))
    return torch.from_numpy(selector @ x.numpy())


def products(x: np.ndarray, vectors: np.ndarray, group: np.ndarray) -> np.ndarray:
    """``[m]`` products of each row of ``x [m, D]`` with the vector of its group."""
    # a third of the time of vectors[group]
    return np.einsum('ij,ij->i', x, np.take(vectors, group, axis=0))


def in_large_groups(group: np.ndarray) -> np.ndarray:
    """``[m]`` bool: whose group has 3 images or more; of fewer nothing can be said."""
    return (np.bincount(group) >= FEWEST)[group]


def places_in_groups(size: np.ndarray) -> np.ndarray:
    """Counts the members of each group from 0.

    Args:
        size (np.ndarray): ``[G]`` sizes of groups that follow each other.

    Returns:
        np.ndarray: ``[m]`` place of each member in its group.
    """
    return np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)


def number_runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``np.unique`` with first places and inverse, for values that come in runs.

    Args:
        values (np.ndarray): ``[m]`` integers; cheap if equal ones follow each other.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: ``[k]`` the values, sorted; ``[k]``
        where each is first; ``[m]`` place of each in the first.
    """
    if len(values) == 0:
        return values, np.empty(0, np.int64), np.empty(0, np.int64)
    begin = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    length = np.diff(np.append(begin, len(values)))
    names, first, place = np.unique(
        values[begin], return_index=True, return_inverse=True
    )
    return names, begin[first], np.repeat(place, length)


def sort_stably(values: np.ndarray) -> np.ndarray:
    """Positions in order of rising value; no sorting where they rise already."""
    if (values[1:] >= values[:-1]).all():
        return np.arange(len(values))
    return np.argsort(values, kind='stable')


def unit_sums(
    embedding: np.ndarray, rows: np.ndarray, group: np.ndarray, count: int
) -> np.ndarray:
    """Sums of the unit embeddings of each group, block by block.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision.
        rows (np.ndarray): ``[m]`` the rows to sum.
        group (np.ndarray): ``[m]`` the group of each, in ``0..count-1``.
        count (int): Number of groups.

    Returns:
        np.ndarray: ``[count, D]`` float32.
    """
    total = np.zeros((count, embedding.shape[1]), np.float32)
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        x = unit_rows(embedding, rows[part]).cpu().numpy()
        names, local = np.unique(group[part], return_inverse=True)
        total[names] += group_sums(x, local, len(names))
    return total


def core_members(x: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """The core of each group: its half that is most alike.

    As a trimmed mean is found: begins with the half nearest to one member, that nearest
    to the mean of all; each of two steps keeps the better half by their product with
    the sum of those kept. So strays, and the shorter part of a tracklet that changes
    from one person to another, stay outside; of two parts of equal length, too, which
    the mean of all lies between, one is the core.

    Args:
        x (np.ndarray): ``[m, D]`` unit vectors.
        group (np.ndarray): ``[m]`` group of each, sorted.
        count (int): Number of groups.

    Returns:
        np.ndarray: Positions of the members, half of each group rounded up.
    """
    size = np.bincount(group, minlength=count)
    inside = places_in_groups(size) < np.repeat((size + 1) // 2, size)
    centre = unit(group_sums(x, group, count))
    member = _best_of_groups(_likeness(x, centre, group), group)
    centre[group[member]] = x[member]
    core = _nearest(x, centre, group)[inside]
    for _ in range(CORE_STEPS):
        centre = unit(group_sums(x, group[core], count, core))
        core = _nearest(x, centre, group)[inside]
    return core


def _likeness(x: np.ndarray, centre: np.ndarray, group: np.ndarray) -> np.ndarray:
    # two members are equally near their sum: the first stays, not the rounding
    return np.round(products(x, centre, group), 4)


def _nearest(x: np.ndarray, centre: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Positions, those of each group in order of falling likeness to its centre."""
    # one key sorts faster than two: likeness lies in -1..1
    return np.argsort(group - _likeness(x, centre, group) / 4.0, kind='stable')


def _best_of_groups(score: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The first position with the highest score of each group, groups sorted."""
    begin = np.flatnonzero(np.diff(group, prepend=-1))
    size = np.diff(begin, append=len(group))
    best = np.flatnonzero(score == np.repeat(np.maximum.reduceat(score, begin), size))
    return best[np.diff(group[best], prepend=-1) != 0]


class Cores:
    """The cores of groups of images, to compare images with.

    Args:
        x (np.ndarray): ``[m, D]`` unit vectors of images.
        group (np.ndarray): ``[m]`` group of each, in ``0..G-1``, in any order.
        count (int): Number of groups ``G``.

    Attributes:
        vectors (np.ndarray): ``[G, D]`` unit mean of each core; zero for a group
            without images.
    """

    def __init__(self, x: np.ndarray, group: np.ndarray, count: int) -> None:
        self._group = group
        order = sort_stably(group)
        members = order[core_members(np.take(x, order, axis=0), group[order], count)]
        self._inside = np.zeros(len(x), bool)
        self._inside[members] = True
        total = group_sums(x, group[members], count, members)
        self._length = np.maximum(np.sqrt(np.einsum('ij,ij->i', total, total)), 1e-12)
        self.vectors = total / self._length[:, None]

    def scores(self, x: np.ndarray, group: np.ndarray) -> np.ndarray:
        """``[k]`` products of any images with the cores of any groups."""
        return products(x, self.vectors, group)

    def own_scores(self, x: np.ndarray) -> np.ndarray:
        """Products of the images with the cores of their groups, without themselves.

        Args:
            x (np.ndarray): ``[m, D]`` the images that the cores were made of.

        Returns:
            np.ndarray: ``[m]``; 1 for an image that is alone in its core.
        """
        return self.without_themselves(self.scores(x, self._group))

    def without_themselves(self, score: np.ndarray) -> np.ndarray:
        """Takes the images out of the cores that they are compared with.

        Args:
            score (np.ndarray): ``[m]`` products of the images that the cores were made
                of with those of their groups; changed in place.

        Returns:
            np.ndarray: ``[m]``; 1 for an image that is alone in its core.
        """
        inside = np.flatnonzero(self._inside)
        length = self._length[self._group[inside]]
        product = score[inside] * length
        rest = np.sqrt(np.maximum(length**2 - 2 * product + 1, 0))
        alone = rest < 1e-3
        score[inside] = np.where(alone, 1, (product - 1) / np.where(alone, 1, rest))
        return score
