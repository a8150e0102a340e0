"""What our checkpoints hold besides tensors, made known to ``torch.load``.

From PyTorch 2.6 on it reads nothing else unless told, and MMEngine 0.10.7 does not tell
it: the message hub keeps histories and numbers of NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

STATISTICS = ('min', 'max', 'current', 'mean')


def history_statistic(owner: object, name: str) -> Callable[..., Any]:
    """Stands in for ``getattr``, which gives access to all of Python.

    Args:
        owner (object): Must be MMEngine's ``HistoryBuffer``.
        name (str): ``'min'``, ``'max'``, ``'current'`` or ``'mean'``.

    Returns:
        Callable: This method.

    Raises:
        UnpicklingError: If a checkpoint asks for anything else.
    """
    if owner is not HistoryBuffer or name not in STATISTICS:
        raise UnpicklingError(
            f'a checkpoint may look up {", ".join(STATISTICS)} of HistoryBuffer, but '
            f'this one asks for {name!r} of {owner!r}.'
        )
    return getattr(HistoryBuffer, name)


# Known to torch.load by the name that stands in a checkpoint.
history_statistic.__module__ = 'builtins'
history_statistic.__name__ = history_statistic.__qualname__ = 'getattr'


def safe_globals() -> list[Any]:
    """What is called when a checkpoint of ours is read."""
    rebuild_array = np.empty(0).__reduce__()[0]
    rebuild_number = np.float64(0).__reduce__()[0]
    dtypes = [type(np.dtype(kind)) for kind in (np.float64, np.int64)]
    arrays = [np.ndarray, np.dtype, *dtypes, rebuild_array, rebuild_number]
    return [HistoryBuffer, history_statistic, *arrays]


def let_checkpoints_be_read() -> None:
    """Registers :func:`safe_globals`, where PyTorch knows such a list."""
    if hasattr(torch.serialization, 'add_safe_globals'):
        torch.serialization.add_safe_globals(safe_globals())
