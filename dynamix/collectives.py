"""What the ranks of a run do together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mmengine.dist import all_gather_object

Result = TypeVar('Result')


def on_every_rank(work: Callable[[], Result], what: str) -> Result:
    """Runs the work of a rank and returns its result, if no other rank has failed.

    Every rank must call it.

    Args:
        work (Callable): Without communication.
        what (str): Names the work in the error.

    Raises:
        RuntimeError: If another rank fails, with its message; its own error, if this
            one does.
    """
    failure: Exception | None = None
    try:
        result = work()
    except Exception as error:
        failure = error
    text = failure and f'{type(failure).__name__}: {failure}'
    for rank, message in enumerate(all_gather_object(text)):
        if message is not None and failure is None:
            raise RuntimeError(f'{what} failed on rank {rank}: {message}')
    if failure is not None:
        raise failure
    return result
