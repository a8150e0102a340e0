"""Which passes over the centroids are the Triton kernel's."""

from __future__ import annotations

import importlib.util
import logging
import os
from functools import cache
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor

BACKENDS = ('auto', 'torch', 'triton')
# Of 'auto'; a guess until it is measured: below it the kernel has little to save.
LEAST_ROWS = 65536
# Room for the rounding of unit vectors and of the quotient.
_ROOM = 0.95

_failed = False


@cache
def triton_missing() -> str | None:
    """Why the kernel cannot run at all; None if it can."""
    if importlib.util.find_spec('triton') is None:
        return "Triton is not installed: try 'pip install triton'"
    if 'dtype' not in torch.ops.aten.mm.overloads():
        return f'PyTorch 2.8 or later is needed, but this is {torch.__version__}'
    return None


def check_backend(backend: str, device: torch.device) -> None:
    """Raises what makes a backend impossible on a device.

    Raises:
        ValueError: If the name is unknown.
        RuntimeError: If ``'triton'`` is asked for and cannot run.
    """
    if backend not in BACKENDS:
        raise ValueError(f'backend must be one of {BACKENDS}, but got {backend!r}.')
    if backend == 'triton':
        reason = triton_missing()
        if reason is None and device.type != 'cuda' and not _interpreted():
            reason = f'it needs a CUDA device, but the features are on {device}'
        if reason is not None:
            raise RuntimeError(f"backend='triton' cannot be used: {reason}.")


def use_triton(
    backend: str, query: Tensor, centroids: Tensor, temperature: float, topk: int | None
) -> bool:
    """Whether a pass is done by the Triton kernel.

    The kernel does not shift logits by their maximum. It is used where unit vectors
    keep them small enough, all centroids count and products are not float64.
    ``'auto'`` also wants a CUDA device of compute capability 9 or more, products in
    half precision and 65 536 centroids; that rule is conservative and not measured.

    Args:
        backend (str): ``'auto'``, ``'torch'`` or ``'triton'``.
        query (Tensor): ``[B, D]`` in the type of the products.
        centroids (Tensor): ``[C, D]``.
        temperature (float): Logits are divided by it.
        topk (int | None): How many centroids count.

    Returns:
        bool: Whether it is.
    """
    if backend == 'torch' or topk is not None or triton_missing():
        return False
    if backend == 'auto' and (
        _failed
        or query.dtype == torch.float32
        or len(centroids) < LEAST_ROWS
        or query.device.type != 'cuda'
        or torch.cuda.get_device_capability(query.device)[0] < 9
    ):
        return False
    from .triton_softmax import LARGEST_LOGIT

    return 1 / temperature <= _ROOM * LARGEST_LOGIT.get(query.dtype, 0.0)


def triton_sums(
    backend: str,
    query: Tensor,
    centroids: Tensor,
    temperature: float,
    topk: int | None,
    **options: Any,
) -> tuple[Tensor, Tensor | None] | None:
    """``exp_sums`` of the Triton kernel where :func:`use_triton`; else None.

    If the kernel fails and ``'auto'`` chose it, ``'auto'`` is ``'torch'`` from then on.
    """
    global _failed
    if not use_triton(backend, query, centroids, temperature, topk):
        return None
    from .triton_softmax import exp_sums

    try:
        return exp_sums(query, centroids, **options)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        if backend == 'triton':
            raise
        _failed = True
        print_log(
            'The Triton kernel of the centroid softmax failed, PyTorch takes its '
            f'place: {type(error).__name__}: {error}',
            logger='current',
            level=logging.WARNING,
        )
        return None


def _interpreted() -> bool:
    return os.environ.get('TRITON_INTERPRET') == '1'
