"""Collective operations of gloo, as strict as those of NCCL."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
import torch.distributed as torch_dist
from torch.utils._pytree import tree_leaves


def refuse_strided() -> None:
    """Lets this process fail, as NCCL does, on tensors that are not contiguous."""
    for name in ('all_gather', 'all_reduce', 'broadcast'):
        setattr(torch_dist, name, _strict(name, getattr(torch_dist, name)))


def _strict(name: str, inner: Callable) -> Callable:
    @wraps(inner)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for x in tree_leaves((args, kwargs)):
            if isinstance(x, torch.Tensor) and not x.is_contiguous():
                raise RuntimeError(f'{name}: Tensors must be contiguous')
        return inner(*args, **kwargs)

    return checked
