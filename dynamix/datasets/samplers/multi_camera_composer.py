from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..counter_random import below, distinct, random_bits, shuffled, stratum
from .composition import MultiCameraPart
from .grouped_rows import GroupedRows
from .stream import Stream

_UNIT = 24  # fractions of an identity are counted in units of 2**-24


class MultiCameraComposer:
    """Composes the ``identities x images`` multi-camera images of any batch.

    Identities: a source's identities are walked through in random order, each once
    before any a second time (what does not fill a whole batch at the end of a walk is
    left out of that walk). With several sources the number of identities of each is
    its share rounded up or down at random, so that its mean is exact and the sum is
    always ``identities``.

    Images: an identity's cameras are put into random order and dealt one image each,
    round after round; a camera leaves when its images are used up. Images that one
    camera gives lie apart in its row order. If an identity has fewer images than
    wanted, all are taken and then repeated in the same order, so none is used two
    times more often than another. Identities with one image are drawn like all
    others: their copies differ by augmentation only. DynaMix, data sampling module;
    the details are ours.

    Args:
        identity (np.ndarray): ``[n]`` identity of the rows ``0..n-1``; -1: never
            drawn.
        camera (np.ndarray): ``[n]`` camera of each row.
        sources (Sequence[tuple[str, int, int]]): Name, first identity and end of the
            range of identities of each source.
        part (MultiCameraPart): The composition.
        seed (int): Seed of all draws.

    Raises:
        ValueError: If there are fewer identities than a batch takes, or the weights
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
        rows = np.flatnonzero(identity >= 0)
        self.index = GroupedRows(identity[rows], camera[rows], rows)
        self.sources = [name for name, _, _ in sources]
        bounds = np.array([ends for _, *ends in sources], np.int64).reshape(-1, 2)
        self.source_start, stop = np.searchsorted(self.index.group, bounds).T
        self.source_size = stop - self.source_start
        found = int(self.source_size.sum())
        if found < part.identities:
            raise ValueError(
                f'multi_camera: a batch takes {part.identities} different identities, '
                f'but the multi-camera sources have {found} with images.'
            )
        weights = self._weights()
        #: Mean number of identities of each source in a batch.
        self.source_share = part.identities * weights / weights.sum()
        bounds = np.round(np.cumsum(self.source_share) * 2**_UNIT).astype(np.int64)
        self._cumulated = np.append(0, bounds)
        self._most = -(-np.diff(self._cumulated) >> _UNIT)
        for name, size, most in zip(self.sources, self.source_size, self._most):
            if size < most:
                raise ValueError(
                    f'multi_camera: source {name!r} has {size} identities, but with '
                    f'its weight a batch of {part.identities} identities takes up to '
                    f'{most} of it.'
                )

    def _weights(self) -> np.ndarray:
        given = self.part.source_weights
        if given is None:
            return self.source_size.astype(np.float64)
        if sorted(given) != sorted(self.sources):
            raise ValueError(
                'multi_camera.source_weights must name every multi-camera source '
                f'once ({", ".join(self.sources)}), but names {", ".join(given)}. '
                'Sources of the same name need a `name` of their own.'
            )
        weights = np.array([given[name] for name in self.sources], dtype=np.float64)
        if not np.isfinite(weights).all() or weights.min() < 0 or weights.sum() == 0:
            raise ValueError(
                'multi_camera.source_weights must be finite, not negative and not all '
                f'zero, but are {dict(given)}.'
            )
        return weights

    def compose(self, batches: np.ndarray) -> np.ndarray:
        """Draws batches.

        Args:
            batches (np.ndarray): ``[b]`` batch numbers.

        Returns:
            np.ndarray: ``[b, identities * images]`` int64 rows.
        """
        group = self._draw_identities(batches)
        position = np.arange(self.part.identities)
        images = self._draw_images(
            group.ravel(),
            random_bits(self.seed, Stream.CAMERA, batches[:, None], position).ravel(),
        )
        return images.reshape(len(batches), -1)

    def _draw_identities(self, batches: np.ndarray) -> np.ndarray:
        """``[b, P]`` groups of the index."""
        taken = []
        for number, most in enumerate(self._most.tolist()):
            if most == 0:
                continue
            size = int(self.source_size[number])
            walk, step = np.divmod(batches[:, None], size // most)
            key = random_bits(self.seed, Stream.MULTI_CAMERA_IDENTITY, number, walk)
            place = shuffled(step * most + np.arange(most), size, key)
            taken.append(self.source_start[number] + place)
        offset = np.cumsum(self._most) - self._most
        unit = random_bits(self.seed, Stream.SOURCE_COUNTS, batches[:, None])
        bound = (self._cumulated + below(unit, 1 << _UNIT)) >> _UNIT
        place = np.arange(self.part.identities)
        bits = random_bits(self.seed, Stream.SLOT_ORDER, batches[:, None], place)
        slot = np.argsort(bits, axis=1, kind='stable')
        source = (slot[..., None] >= bound[:, None, 1:-1]).sum(axis=-1)
        column = offset[source] + slot - np.take_along_axis(bound, source, axis=1)
        return np.take_along_axis(np.concatenate(taken, axis=1), column, axis=1)

    def _draw_images(self, group: np.ndarray, key: np.ndarray) -> np.ndarray:
        """``[n, K]`` rows of ``[n]`` groups; ``key`` names each group's draws."""
        index, wanted = self.index, self.part.images
        column = np.arange(wanted)
        cameras = index.group_start[group + 1] - index.group_start[group]
        bits = random_bits(key[:, None], column)
        place = np.minimum(distinct(bits, cameras), cameras[:, None] - 1)
        member = index.group_start[group][:, None] + place
        start = index.member_start[member]
        size = index.member_start[member + 1] - start
        size[column >= cameras[:, None]] = 0

        # Round t deals one image of each camera that has more than t.
        dealt = size[:, None, :] > column[:, None]
        turn = dealt.reshape(len(group), -1).cumsum(axis=1).reshape(dealt.shape) - 1
        dealt &= turn < wanted
        row, number, camera = np.nonzero(dealt)
        count = dealt.sum(axis=1)
        size = size[row, camera]
        bits = bits[row, camera]
        inside = stratum(
            random_bits(bits, Stream.MULTI_CAMERA_IMAGE, number),
            size,
            count[row, camera],
            number,
        )
        # A random origin makes all images of a camera equally likely.
        origin = below(random_bits(bits, Stream.CAMERA_ROTATION), size)
        taken = index.rows[start[row, camera] + (inside + origin) % size]
        total = count.sum(axis=1)
        first = np.cumsum(total) - total
        return taken[first[:, None] + column % total[:, None]].astype(np.int64)
