from __future__ import annotations

import torch
from torch import Tensor

_MASK = 2**64 - 1
# Increment and finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
_GOLDEN = 0x9E3779B97F4A7C15
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def sampled_rows(num_rows: int, fraction: float, seed: int, draw: Tensor) -> Tensor:
    """Draws a share of the rows of a memory, the same on every rank and device.

    One row of each of ``count`` strata of neighbouring rows, whose borders move from
    draw to draw, so every row is as likely as any other and none comes twice. Integer
    arithmetic on the device of ``draw``, which is not waited for.

    Args:
        num_rows (int): Number of rows ``C``.
        fraction (float): In ``(0, 1]``; ``count`` is ``fraction * C``, rounded up.
        seed (int): Draws of different seeds are independent.
        draw (Tensor): Number of the draw, int64 of no dimension.

    Returns:
        Tensor: ``[count]`` int64 different rows.
    """
    count = min(-int(-fraction * num_rows // 1), num_rows)
    number = torch.arange(count + 1, device=draw.device)
    bits = _mix(_mix(_mix(draw.new_full((), _signed(seed))) + draw) + number)
    bits &= 2**62 - 1
    border = number * num_rows // max(count, 1)
    rows = border[:-1] + bits[:-1] % (border[1:] - border[:-1])
    return (rows + bits[-1]) % max(num_rows, 1)


def _mix(state: Tensor) -> Tensor:
    state = state + _signed(_GOLDEN)
    state = (state ^ _shifted(state, 30)) * _signed(_MULTIPLIERS[0])
    state = (state ^ _shifted(state, 27)) * _signed(_MULTIPLIERS[1])
    return state ^ _shifted(state, 31)


def _shifted(state: Tensor, by: int) -> Tensor:
    """Right shift of 64 bits without a sign."""
    return (state >> by) & (_MASK >> by)


def _signed(value: int) -> int:
    """The int64 with the bits of ``value`` modulo ``2**64``."""
    value &= _MASK
    return value - 2**64 if value >= 2**63 else value
