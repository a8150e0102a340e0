"""Random numbers as a function of coordinates, without a generator's state.

A draw is named by what it is for (seed, stream, batch number, ...) and can be made in
any order, on any rank, for many batches at once. Integer arithmetic only, so the
numbers are the same on every machine and with every version of NumPy.
"""

from __future__ import annotations

import numpy as np

from .synthetic.counter_random import GOLDEN, MASK, MULTIPLIERS, mix

_ROUNDS = 24


def random_bits(*coordinates: int | np.ndarray) -> np.ndarray:
    """64 random bits for each combination of coordinates.

    Args:
        *coordinates (int | np.ndarray): Integers or integer arrays; they broadcast
            together. Taken modulo ``2**64``.

    Returns:
        np.ndarray: uint64 of the broadcast shape, at least one-dimensional.
    """
    state = np.zeros(1, dtype=np.uint64)
    for coordinate in coordinates:
        if isinstance(coordinate, np.ndarray):
            step = coordinate.astype(np.uint64) * np.uint64(GOLDEN)
        else:
            step = np.array([int(coordinate) * GOLDEN & MASK], dtype=np.uint64)
        state = mix(state + step + np.uint64(GOLDEN))
    return state


def below(bits: np.ndarray, size: np.ndarray | int) -> np.ndarray:
    """Turns random bits into numbers of ``0..size-1``.

    Args:
        bits (np.ndarray): uint64; the upper 32 bits are used.
        size (np.ndarray | int): ``1..2**32-1``; broadcasts with ``bits``.

    Returns:
        np.ndarray: int64, uniform up to a relative error of ``size / 2**32``.
    """
    scaled = (bits >> np.uint64(32)) * np.asarray(size).astype(np.uint64)
    return (scaled >> np.uint64(32)).astype(np.int64)


def shuffled(
    position: np.ndarray, size: np.ndarray | int, key: np.ndarray
) -> np.ndarray:
    """What stands at a position of a random permutation that is never written out.

    A swap-or-not shuffle (Hoang, Morris and Rogaway, 2012) of 24 rounds: a
    permutation of ``0..size-1`` for every key, O(1) per position. Each position is
    uniform up to ``2**-24``.

    Args:
        position (np.ndarray): Integers of ``0..size-1``.
        size (np.ndarray | int): Length of the permutation, below ``2**32``.
        key (np.ndarray): uint64 that names the permutation. The three broadcast
            together.

    Returns:
        np.ndarray: int64 of the broadcast shape, in ``0..size-1``.
    """
    size = np.atleast_1d(size).astype(np.int64)
    shape = np.broadcast_shapes(np.shape(position), size.shape, key.shape)
    here = np.array(np.broadcast_to(position, shape), dtype=np.int64)
    for number in range(1, _ROUNDS + 1):
        round_key = mix(key + np.uint64(number * GOLDEN & MASK))
        mirror = below(round_key, size) - here
        np.add(mirror, size, out=mirror, where=mirror < 0)
        # Both partners see the same bit, so they swap or stay together.
        bit = np.maximum(here, mirror).view(np.uint64) ^ round_key
        bit *= np.uint64(MULTIPLIERS[0])
        bit ^= bit >> np.uint64(32)
        bit *= np.uint64(MULTIPLIERS[1])
        np.copyto(here, mirror, where=bit.view(np.int64) < 0)
    return here


def distinct(bits: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Different numbers of ``0..size-1`` in random order, exactly uniform.

    Args:
        bits (np.ndarray): ``[n, k]`` uint64; the work grows with ``k * k``.
        size (np.ndarray): ``[n]``, at least 1.

    Returns:
        np.ndarray: ``[n, k]`` int64; in each row the first ``min(k, size)`` are
        different numbers below ``size``, the rest have no meaning.
    """
    drawn: list[np.ndarray] = []
    ascending: list[np.ndarray] = []
    for column in range(bits.shape[1]):
        number = below(bits[:, column], np.maximum(size - column, 1))
        for smaller in ascending:
            number += number >= smaller
        drawn.append(number)
        for place, other in enumerate(ascending):
            ascending[place] = np.minimum(other, number)
            number = np.maximum(other, number)
        ascending.append(number)
    return np.stack(drawn, axis=1)


def stratum(
    bits: np.ndarray,
    size: np.ndarray,
    count: np.ndarray | int,
    number: np.ndarray,
) -> np.ndarray:
    """A random position in one of the ``count`` equal segments of ``0..size-1``.

    Args:
        bits (np.ndarray): uint64.
        size (np.ndarray): Length of the whole, at least 1.
        count (np.ndarray | int): Number of segments. Segments differ by at most one
            in length; when ``count > size`` a position belongs to several segments,
            and none to two more than another.
        number (np.ndarray): Which segment, ``0..count-1``. All broadcast together.

    Returns:
        np.ndarray: int64 positions.
    """
    start = number * size // count
    stop = (number + 1) * size // count
    return start + below(bits, np.maximum(stop - start, 1))
