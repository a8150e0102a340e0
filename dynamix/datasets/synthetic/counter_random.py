"""Random numbers as a function of a key and a counter, without a generator's state.

Each can be drawn in any order, by any process. Integer arithmetic only, so the numbers
are the same on every machine and with every version of NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

MASK = 2**64 - 1
# Increment and finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
GOLDEN = 0x9E3779B97F4A7C15
MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
# Steps of the counters 0, 1, ...; see hash_uniform.
_STEPS = np.arange(1, 1025, dtype=np.uint64) * np.uint64(GOLDEN)


def make_key(*parts: int | str) -> int:
    """Folds integers and strings into one key in ``0..2**64 - 1``; order matters."""
    key = 0
    for part in parts:
        number = crc32(part.encode()) if isinstance(part, str) else part
        key = ((key ^ (number & MASK)) + GOLDEN) & MASK
        key = ((key ^ (key >> 30)) * MULTIPLIERS[0]) & MASK
        key = ((key ^ (key >> 27)) * MULTIPLIERS[1]) & MASK
        key ^= key >> 31
    return key


def hash_uniform(key: int, counter: np.ndarray) -> np.ndarray:
    """One float64 in ``[0, 1)`` for each non-negative counter, of any shape."""
    step = (counter.astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN)
    return _unit_interval(step, key)


def _unit_interval(step: np.ndarray, key: int) -> np.ndarray:
    state = step + np.uint64(key)
    state ^= state >> np.uint64(30)
    state *= np.uint64(MULTIPLIERS[0])
    state ^= state >> np.uint64(27)
    state *= np.uint64(MULTIPLIERS[1])
    state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)) * 2.0**-53


class Uniforms:
    """A short run of uniform numbers of one key, read one after the other.

    Args:
        key (int): From :func:`make_key`.
        count (int): How many numbers may be read, at most 1024.
    """

    def __init__(self, key: int, count: int = 64) -> None:
        values = _unit_interval(_STEPS[:count], key).tolist()
        self._next = iter(values).__next__

    def __call__(self, low: float = 0.0, high: float = 1.0) -> float:
        """The next number, in ``[low, high)``."""
        return low + (high - low) * self._next()

    def below(self, probability: float) -> bool:
        """True with this probability."""
        return self._next() < probability

    def integer(self, count: int) -> int:
        """One of ``0..count - 1``."""
        return int(self._next() * count)

    def choose(self, weights: Sequence[float]) -> int:
        """A position drawn in proportion to its weight."""
        rest = self._next() * sum(weights)
        for position, weight in enumerate(weights):
            rest -= weight
            if rest < 0:
                return position
        return len(weights) - 1
