from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator
from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Purpose of a random generator; part of its seed."""

    WINDOW = 0
    VIDEO = 1
    SINGLE_CAMERA = 2
    MULTI_CAMERA = 3
    MULTI_CAMERA_IDENTITY = 4
    AUGMENTATION = 5


class Walk:
    """Random walk over ``0..size-1``: each once before any a second time.

    Every pass is a permutation drawn from (seed, number of the pass), so a walk can
    begin at any step.

    Args:
        size (int): Number of positions, at least 1.
        start (int): Step to begin at.
        *seed (int): Seed of the permutations, integers not below 0.
    """

    def __init__(self, size: int, start: int, *seed: int) -> None:
        self.size = size
        self._waiting: deque[int] = deque()
        self._steps = self._walk(start, seed)

    def _walk(self, start: int, seed: tuple[int, ...]) -> Iterator[int]:
        number, step = divmod(start, self.size)
        while True:
            order = np.random.default_rng((*seed, number)).permutation(self.size)
            yield from order[step:].tolist()
            number, step = number + 1, 0

    def take(self, count: int, excluded: Container[int] = ()) -> list[int]:
        """Returns the next ``count`` different positions that are not ``excluded``.

        Excluded ones are kept for a later call. Fewer if the walk has no more.
        """
        taken: list[int] = []
        passed: dict[int, None] = {}
        again: list[int] = []
        while len(taken) < count and len(taken) + len(passed) < self.size:
            step = self._waiting.popleft() if self._waiting else next(self._steps)
            if step in passed or step in taken:
                again.append(step)
            elif step in excluded:
                passed[step] = None
            else:
                taken.append(step)
        self._waiting.extendleft(reversed([*passed, *again]))
        return taken
