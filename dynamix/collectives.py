"""What the ranks of a run do together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from mmengine.dist import all_gather_object, broadcast, get_rank

Result = TypeVar('Result')


def on_every_rank(
    own: Callable[[], Result], together: Callable[[Result], Any], what: str
) -> Any:
    """Runs a rank's own work, then what the ranks do together if none has failed.

    Args:
        own (Callable): Work of this rank, without communication.
        together (Callable): Takes the result of ``own``; may communicate.
        what (str): Names the work in the error.

    Returns:
        The result of ``together``.

    Raises:
        RuntimeError: If another rank fails, with its message; its own error, if this
            one does.
    """
    failure: Exception | None = None
    result: Any = None
    try:
        result = own()
    except Exception as error:
        failure = error
    text = failure and f'{type(failure).__name__}: {failure}'
    for rank, message in enumerate(all_gather_object(text)):
        if message is not None and failure is None:
            raise RuntimeError(f'{what} failed on rank {rank}: {message}')
    if failure is not None:
        raise failure
    return together(result)


def gather_rows(own: np.ndarray) -> np.ndarray:
    """Joins the rows of all ranks, those of rank 0 first.

    Every rank must call it. A rank holds the result and its own rows, no third copy:
    one after the other sends its rows to their place in the result.

    Args:
        own (np.ndarray): ``[n, ...]``, of the same type on each rank and, where a rank
            has any, of the same shape but for ``n``.

    Returns:
        np.ndarray: ``[N, ...]``.
    """
    shapes = all_gather_object(own.shape)
    stops = np.cumsum([shape[0] for shape in shapes])
    whole = np.empty((stops[-1], *max(shapes)[1:]), own.dtype)
    for rank, (shape, stop) in enumerate(zip(shapes, stops)):
        part = whole[stop - shape[0] : stop]
        if len(part):
            if rank == get_rank():
                part[:] = own
            broadcast(torch.from_numpy(part), rank)
    return whole
