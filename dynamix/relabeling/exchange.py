from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from mmengine import dist
from mmengine.logging import print_log

Result = TypeVar('Result')

_CHUNK_BYTES = 1 << 25


class Exchange:
    """What the ranks tell each other in a relabeling; all of them call it.

    Each exchange is a sum to which an element has one contributor, so it is exact,
    and the same for any number of ranks. A rank that fails tells the others, and all
    end with its error; if it dies without a word, the others' error says in which
    exchange they missed it.

    Args:
        count (int): Number of ranks; 1: there is nobody to talk to. Defaults to 1.
    """

    def __init__(self, count: int = 1) -> None:
        self.count = count

    def collect(
        self,
        values: np.ndarray,
        rows: np.ndarray,
        total: int,
        what: str,
        main_only: bool = False,
    ) -> np.ndarray:
        """Puts together an array of which each rank has some rows.

        Args:
            values (np.ndarray): ``[m, ...]`` the rows of this rank.
            rows (np.ndarray): ``[m]`` their places, rising; no two ranks have the
                same.
            total (int): Number of rows ``n`` of the whole.
            what (str): Names the exchange if it fails.
            main_only (bool): Keep the result on rank 0 only. Defaults to False.

        Returns:
            np.ndarray: ``[n, ...]``, zero in rows that nobody has; no rows on ranks
            that do not keep it.
        """
        kept = not main_only or self.count == 1 or dist.is_main_process()
        whole = np.zeros((total if kept else 0, *values.shape[1:]), values.dtype)
        if self.count == 1:
            whole[rows] = values
            return whole
        width = values.itemsize * int(np.prod(values.shape[1:]))
        step = max(1, _CHUNK_BYTES // width)
        for start in range(0, total, step):
            stop = min(start + step, total)
            part = np.zeros((stop - start, *values.shape[1:]), values.dtype)
            first, last = np.searchsorted(rows, [start, stop])
            part[rows[first:last] - start] = values[first:last]
            # Bytes, as not every backend knows every type: nothing is carried over.
            data = torch.from_numpy(part.reshape(-1).view(np.uint8))
            with _named(what):
                dist.all_reduce(data)
            if kept:
                whole[start:stop] = part
        return whole

    def add_up(self, counts: np.ndarray | list[int], what: str) -> np.ndarray:
        """Sums integers over ranks.

        Args:
            counts (np.ndarray | list[int]): Integers of any shape.
            what (str): Names the exchange if it fails.

        Returns:
            np.ndarray: int64, the same shape.
        """
        total = torch.from_numpy(np.array(counts, np.int64))
        if self.count > 1:
            with _named(what):
                dist.all_reduce(total)
        return total.numpy()

    def together(self, function: Callable[[], Result], what: str) -> Result:
        """Calls a function on every rank; if it fails on one, all end.

        Args:
            function (Callable): Takes nothing, talks to no rank.
            what (str): What it does, for the error.

        Returns:
            Result: What it returned here.

        Raises:
            RuntimeError: If it failed elsewhere. Where it failed, its own error.
        """
        if self.count == 1:
            return function()
        error: Exception | None = None
        try:
            result = function()
        except Exception as caught:  # told to all, then raised
            error = caught
            # now, as the others may come late
            print_log(
                f'rank {dist.get_rank()} failed in {what}: {error!r}',
                logger='current',
                level=logging.ERROR,
            )
        with _named(what):
            texts = dist.all_gather_object(error and f'{type(error).__name__}: {error}')
        if error is not None:
            raise error
        for rank, text in enumerate(texts):
            if text is not None:
                raise RuntimeError(f'rank {rank} failed in {what}: {text}')
        return result

    def from_main(self, function: Callable[[], Result], what: str) -> Result:
        """Calls a function on rank 0 and gives its result to all.

        Args:
            function (Callable): Takes nothing, returns what can be pickled.
            what (str): What it does, for the error.

        Returns:
            Result: What it returned on rank 0, to the last bit.

        Raises:
            RuntimeError: If it failed. On rank 0, its own error.
        """
        if self.count == 1:
            return function()

        def on_main() -> Result | None:
            return function() if dist.is_main_process() else None

        result = [self.together(on_main, what)]
        with _named(what):
            dist.broadcast_object_list(result)
        return result[0]  # type: ignore[return-value]


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Says which exchange it was that a backend could not finish."""
    try:
        yield
    except RuntimeError as error:
        raise RuntimeError(
            f'rank {dist.get_rank()} lost the other ranks in {what}: one of them has '
            'ended or hangs; the first error in their logs is the cause. The backend '
            f'says: {error}'
        ) from error
