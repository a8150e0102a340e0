from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from .composition import SingleCameraPart
from .walk import Stream, Walk


class SingleCameraPlanner:
    """Plans the ``videos x identities x images`` images of an epoch's batches.

    Videos of the epoch's pool follow a random walk, each once before any a second
    time, and so do the identities of a video; all videos are drawn equally often.
    Where a video has fewer identities than wanted, further videos of the pool fill the
    batch; then further identities of its own videos; then videos outside the pool. An
    identity comes twice only if the data have fewer than a batch takes.

    The images of an identity in a video, in row order, are cut into ``images`` equal
    segments with one draw from each; fewer are repeated evenly. DynaMix, data sampling
    module; the details are ours.

    Args:
        video (np.ndarray): ``[N]`` video of each row.
        first_row (int): The first single-camera row.
        part (SingleCameraPart): The composition.
        seed (int): Seed of all draws.

    Attributes:
        videos (list[np.ndarray]): Rows of each video, int64, ascending.
        window_size (int): Videos in a window.

    Raises:
        ValueError: If a row has no video.
    """

    def __init__(
        self, video: np.ndarray, first_row: int, part: SingleCameraPart, seed: int
    ) -> None:
        self.part = part
        self.seed = seed
        video = video[first_row:]
        if video.min() < 0:
            raise ValueError(
                f'single-camera image {first_row + int(video.argmin())} belongs to no '
                'video (video -1): give every single-camera image the number of its '
                'video.'
            )
        order = np.argsort(video, kind='stable')
        start = np.flatnonzero(np.diff(video[order]))
        self.videos = np.split(first_row + order, start + 1)
        self.window_size = min(part.window or len(self.videos), len(self.videos))

    def window(self, epoch: int) -> np.ndarray:
        """``[W]`` positions of the videos of an epoch's window."""
        start = epoch * self.window_size
        walk = Walk(len(self.videos), start, self.seed, Stream.WINDOW)
        return np.array(walk.take(self.window_size))

    def pool(self, epoch: int) -> np.ndarray:
        """``[v]`` positions of the videos that an epoch draws from."""
        opened = (epoch + 1) * self.window_size
        if self.part.pool == 'window':
            return self.window(epoch)
        if self.part.pool == 'all' or opened >= len(self.videos):
            return np.arange(len(self.videos))
        walk = Walk(len(self.videos), 0, self.seed, Stream.WINDOW)
        return np.array(walk.take(opened))

    def plan(self, identity: np.ndarray, epoch: int, iterations: int) -> np.ndarray:
        """Draws the single-camera images of an epoch.

        Args:
            identity (np.ndarray): ``[N]`` identity of each row; -1: not drawn.
            epoch (int): Number of the epoch, from 0.
            iterations (int): Batches in an epoch.

        Returns:
            np.ndarray: ``[iterations, videos * identities * images]`` int64 rows.
        """
        images, seed = self.part.images, (self.seed, Stream.SINGLE_CAMERA, epoch)
        pool = self.pool(epoch)
        rest = np.setdiff1d(np.arange(len(self.videos)), pool)
        visits = iterations * self.part.videos * epoch
        walks = [
            (videos, Walk(len(videos), visits, self.seed, Stream.VIDEO))
            for videos in (pool, rest)
            if len(videos)
        ]

        @cache
        def opened(position: int) -> _Video:
            rows = self.videos[position]
            return _Video(rows, identity[rows], *seed, position)

        drawn = [
            rows for _ in range(iterations) for rows in self._draw_batch(walks, opened)
        ]
        size = np.array([len(rows) for rows in drawn])[:, None]
        start = np.cumsum(size)[:, None] - size
        column = np.arange(images)
        unit = np.random.default_rng(seed).random((len(drawn), images))
        # of few images, each in turn from a random one on
        turn = (column + (unit[:, :1] * size).astype(np.int64)) % size
        segment = ((column + unit) * size / images).astype(np.int64)
        place = start + np.where(size < images, turn, segment)
        return np.concatenate(drawn)[place].reshape(iterations, -1)

    def _draw_batch(
        self, walks: list[tuple[np.ndarray, Walk]], opened: Callable[[int], _Video]
    ) -> list[np.ndarray]:
        """Rows of each identity of a batch."""
        wanted = self.part.videos * self.part.identities
        present: set[int] = set()
        members: list[np.ndarray] = []
        for videos, walk in walks:
            used: list[int] = []
            while len(members) < wanted and (step := walk.take(1, used)):
                used += step
                count = min(self.part.identities, wanted - len(members))
                members += opened(int(videos[step[0]])).take(count, present)
            for place in used:
                video = opened(int(videos[place]))
                members += video.take(wanted - len(members), present)
        if not members:
            raise ValueError('no single-camera image has an identity.')
        return (members * wanted)[:wanted]


class _Video:
    """Identities of a video and the walk over them."""

    def __init__(self, rows: np.ndarray, identity: np.ndarray, *seed: int) -> None:
        order = np.argsort(identity, kind='stable')
        order = order[np.searchsorted(identity[order], 0) :]
        names, start = np.unique(identity[order], return_index=True)
        self.names = names.tolist()
        self.rows = np.split(rows[order], start[1:])
        self.walk = Walk(max(len(names), 1), 0, *seed)

    def take(self, count: int, present: set[int]) -> list[np.ndarray]:
        """Rows of up to ``count`` identities that are not present yet; adds them."""
        taken = []
        absent = {p for p, name in enumerate(self.names) if name in present}
        for place in self.walk.take(count, absent) if self.names else ():
            present.add(self.names[place])
            taken.append(self.rows[place])
        return taken
