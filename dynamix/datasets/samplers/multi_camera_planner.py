from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .composition import MultiCameraPart
from .walk import Stream, Walk


class MultiCameraPlanner:
    """Plans the ``identities x images`` multi-camera images of an epoch's batches.

    Identities of a source follow a random walk, each once before any a second time.
    With several sources, the number of identities of each in a batch is its share
    rounded up or down at random, so that its mean is exact.

    Images of an identity are spread over its cameras: one of each camera in random
    order, then a second one of each, and so on. An identity with fewer images than
    wanted has them repeated. DynaMix, data sampling module; the details are ours.

    Args:
        identity (np.ndarray): ``[n]`` identity of the rows ``0..n-1``; -1: not drawn.
        camera (np.ndarray): ``[n]`` camera of each row.
        sources (Sequence[tuple[str, int, int]]): Name, first identity and end of the
            range of identities of each source.
        part (MultiCameraPart): The composition.
        seed (int): Seed of all draws.

    Raises:
        ValueError: If a source has fewer identities than a batch takes, or the weights
            do not fit the sources.
    """

    def __init__(
        self,
        identity: np.ndarray,
        camera: np.ndarray,
        sources: Sequence[tuple[str, int, int]],
        part: MultiCameraPart,
        seed: int,
    ) -> None:
        self.part = part
        self.seed = seed
        rows = np.lexsort((camera, identity))
        self._rows = rows[np.searchsorted(identity[rows], 0) :]
        self._camera = np.asarray(camera)[self._rows]
        names, start = np.unique(identity[self._rows], return_index=True)
        self._start = np.append(start, len(self._rows))
        bounds = np.array([ends for _, *ends in sources], np.int64).reshape(-1, 2)
        self._first, stop = np.searchsorted(names, bounds).T
        self._size = stop - self._first
        of_source = [name for name, *_ in sources]
        given = part.source_weights
        if given is None:
            weights = self._size.astype(np.float64)
        elif sorted(given) == sorted(of_source):
            weights = np.array([given[name] for name in of_source], np.float64)
        else:
            raise ValueError(
                'multi_camera.source_weights must name every multi-camera source '
                f'once ({", ".join(of_source)}), but names {", ".join(given)}. '
                'Sources of the same name need a `name` of their own.'
            )
        self._share = part.identities * weights / weights.sum()
        for name, size, share in zip(of_source, self._size, self._share):
            # also refuses NaN
            if not (share >= 0 and np.ceil(share - 1e-9) <= size):
                raise ValueError(
                    f'multi_camera: with its weight a batch takes {share:.3g} '
                    f'different identities of source {name!r} on average, but it has '
                    f'{size} with images.'
                )

    def plan(self, epoch: int, iterations: int) -> np.ndarray:
        """Draws ``[iterations, identities * images]`` int64 rows for an epoch."""
        rng = np.random.default_rng((self.seed, Stream.MULTI_CAMERA, epoch))
        walks = [
            Walk(
                max(int(size), 1),
                int(epoch * iterations * share),
                self.seed,
                Stream.MULTI_CAMERA_IDENTITY,
                source,
            )
            for source, (size, share) in enumerate(zip(self._size, self._share))
        ]
        plan = np.empty((iterations, self.part.identities, self.part.images), np.int64)
        bounds = np.append(0, np.cumsum(self._share))
        # the sum is exact, so that every batch has all its identities
        bounds[-1] = self.part.identities
        for batch in plan:
            count = np.diff(np.floor(bounds + rng.random())).astype(int)
            drawn = [
                first + place
                for first, walk, number in zip(self._first, walks, count.tolist())
                for place in walk.take(number)
            ]
            for slot, place in zip(rng.permutation(len(drawn)), drawn):
                batch[slot] = self._draw_images(place, rng)
        return plan.reshape(iterations, -1)

    def _draw_images(self, place: int, rng: np.random.Generator) -> np.ndarray:
        part = slice(self._start[place], self._start[place + 1])
        rows, camera = self._rows[part], self._camera[part]
        order = np.lexsort((rng.random(len(rows)), camera))
        first = np.flatnonzero(np.diff(camera, prepend=-1))
        size = np.diff(first, append=len(rows))
        turn = np.arange(len(rows)) - np.repeat(first, size)
        tie = np.repeat(rng.random(len(first)), size)
        return np.resize(rows[order][np.lexsort((tie, turn))], self.part.images)
