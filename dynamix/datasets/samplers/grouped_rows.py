from __future__ import annotations

import numpy as np


class GroupedRows:
    """Rows grouped by two numbers, as compressed sparse rows.

    Group ``g`` holds the members ``group_start[g]..group_start[g+1]-1``, member ``m``
    the rows ``rows[member_start[m]:member_start[m+1]]``, in ascending order. Used as
    identity -> camera -> images and as video -> identity -> images. Costs 4 bytes a
    row and 12 bytes a member, and no Python object for either. Ours.

    Args:
        group (np.ndarray): ``[n]`` non-negative integers.
        member (np.ndarray): ``[n]`` integers.
        rows (np.ndarray): ``[n]`` ascending row numbers below ``2**31``.

    Attributes:
        group (np.ndarray): ``[G]`` the groups that have rows, ascending.
        group_start (np.ndarray): ``[G + 1]`` int64.
        member (np.ndarray): ``[M]`` int32; ascending within a group.
        member_start (np.ndarray): ``[M + 1]`` int64.
        rows (np.ndarray): ``[n]`` int32.
    """

    def __init__(self, group: np.ndarray, member: np.ndarray, rows: np.ndarray) -> None:
        lowest = int(member.min(initial=0))
        span = int(member.max(initial=0)) - lowest + 1
        key = group.astype(np.int64)
        key *= span
        key += member
        key -= lowest
        self.rows = rows.astype(np.int32)
        if (key[1:] < key[:-1]).any():
            order = np.argsort(key, kind='stable')
            key = key[order]
            self.rows = self.rows[order]
        first = np.flatnonzero(np.diff(key, prepend=-1))
        self.member_start = np.append(first, len(key))
        group_of_member, member_shifted = np.divmod(key[first], span)
        self.member = (member_shifted + lowest).astype(np.int32)
        first = np.flatnonzero(np.diff(group_of_member, prepend=-1))
        self.group_start = np.append(first, len(group_of_member))
        self.group = group_of_member[first]

    @property
    def group_size(self) -> np.ndarray:
        """``[G]`` number of members of each group."""
        return np.diff(self.group_start)

    @property
    def group_rows(self) -> np.ndarray:
        """``[G]`` number of rows of each group."""
        return np.diff(self.member_start[self.group_start])
