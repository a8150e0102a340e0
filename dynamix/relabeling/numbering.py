from __future__ import annotations

import numpy as np

from dynamix.structures import DROPPED

from .segments import number_runs


def keep_numbers(
    component: np.ndarray,
    current: np.ndarray,
    first_identity: int,
    num_identities: int | None = None,
) -> np.ndarray:
    """Names components after the identities they overlap most with.

    Pairs of a component and a current identity are matched one to one in order of
    falling overlap (ties: lower numbers first). Components left over take the lowest
    free numbers from ``first_identity`` on, then new ones from ``num_identities`` on.

    Args:
        component (np.ndarray): ``[n]`` integers; -1: dropped.
        current (np.ndarray): ``[n]`` identities now, -1 or at least ``first_identity``.
        first_identity (int): First number of the single-camera range.
        num_identities (int, optional): Size of the identity space now. Defaults to
            None: one more than the largest in use.

    Returns:
        np.ndarray: ``[n]`` int32 identities; -1: dropped.
    """
    if num_identities is None:
        num_identities = int(max(current.max(initial=-1), first_identity - 1)) + 1
    names, _, inverse = number_runs(component)
    dropped = int(len(names) > 0 and names[0] == DROPPED)
    group = inverse - dropped
    num_groups = len(names) - dropped
    both = (group >= 0) & (current != DROPPED)
    space = np.int64(max(num_identities, int(current.max(initial=0)) + 1))
    key, overlap = np.unique(group[both] * space + current[both], return_counts=True)
    left, right = key // space, key % space
    number = np.full(num_groups, DROPPED, np.int64)
    used = np.zeros(space, bool)
    order = np.lexsort((right, left, -overlap))
    left, right = left[order], right[order]
    while len(left):
        # the first pair of a row that is also the first of its column wins
        _, row_first = np.unique(left, return_index=True)
        _, column_first = np.unique(right, return_index=True)
        won = np.intersect1d(row_first, column_first, assume_unique=True)
        won = won[~used[right[won]]]
        number[left[won]] = right[won]
        used[right[won]] = True
        open_pairs = (number[left] == DROPPED) & ~used[right]
        left, right = left[open_pairs], right[open_pairs]
    homeless = np.flatnonzero(number == DROPPED)
    free = np.flatnonzero(~used[first_identity:num_identities])[: len(homeless)]
    free += first_identity
    new = num_identities + np.arange(len(homeless) - len(free))
    number[homeless] = np.concatenate([free, new])
    result = np.full(len(component), DROPPED, np.int32)
    result[group >= 0] = number[group[group >= 0]]
    return result
