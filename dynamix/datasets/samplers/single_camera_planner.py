from __future__ import annotations

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
        video (np.ndarray): ``[n]`` video of the rows.
        first_row (int): Row number of the first entry.
        part (SingleCameraPart): The composition.
        seed (int): Seed of all draws.

    Raises:
        ValueError: If a row has no video.
    """

    def __init__(
        self, video: np.ndarray, first_row: int, part: SingleCameraPart, seed: int
    ) -> None:
        self.part = part
        self.seed = seed
        self._first_row = first_row
        if video.min() < 0:
            raise ValueError(
                f'single-camera image {first_row + int(video.argmin())} belongs to no '
                'video (video -1): give every single-camera image the number of its '
                'video.'
            )
        self._order = np.argsort(video, kind='stable').astype(np.int32)
        self._start = np.flatnonzero(np.diff(video[self._order], prepend=-1))
        self._start = np.append(self._start, len(video))
        self.num_videos = len(self._start) - 1
        self.window_size = min(part.window or self.num_videos, self.num_videos)

    def window(self, epoch: int) -> np.ndarray:
        """``[W]`` positions of the videos of an epoch's window."""
        start = epoch * self.window_size
        walk = Walk(self.num_videos, start, self.seed, Stream.WINDOW)
        return np.array(walk.take(self.window_size))

    def pool(self, epoch: int) -> np.ndarray:
        """``[v]`` positions of the videos that an epoch draws from."""
        opened = (epoch + 1) * self.window_size
        if self.part.pool == 'window':
            return self.window(epoch)
        if self.part.pool == 'all' or opened >= self.num_videos:
            return np.arange(self.num_videos)
        return np.array(Walk(self.num_videos, 0, self.seed, Stream.WINDOW).take(opened))

    def rows_of(self, position: int) -> np.ndarray:
        """Rows of a video, ascending, counted from 0."""
        return self._order[self._start[position] : self._start[position + 1]]

    def plan(self, identity: np.ndarray, epoch: int, iterations: int) -> np.ndarray:
        """Draws the single-camera images of an epoch.

        Args:
            identity (np.ndarray): ``[n]`` identity of the rows; -1: not drawn.
            epoch (int): Number of the epoch, from 0.
            iterations (int): Batches in an epoch.

        Returns:
            np.ndarray: ``[iterations, videos * identities * images]`` int64 rows.

        Raises:
            ValueError: If no row has an identity.
        """
        return _EpochPlan(self, identity, epoch).draw(iterations)


class _EpochPlan:
    def __init__(
        self, planner: SingleCameraPlanner, identity: np.ndarray, epoch: int
    ) -> None:
        self.planner, self.identity, self.epoch = planner, identity, epoch
        self.part, self.seed = planner.part, planner.seed
        pool = planner.pool(epoch)
        rest = np.setdiff1d(np.arange(planner.num_videos), pool)
        self.pools = [(p, None) for p in (pool, rest) if len(p)]
        # identities of the videos visited so far
        self.videos: dict[int, _Video] = {}

    def draw(self, iterations: int) -> np.ndarray:
        part, planner = self.part, self.planner
        wanted = part.videos * part.identities
        visits = iterations * part.videos * self.epoch
        walks = [
            (pool, Walk(len(pool), visits, self.seed, Stream.VIDEO))
            for pool, _ in self.pools
        ]
        drawn: list[np.ndarray] = []
        for _ in range(iterations):
            present: set[int] = set()
            members: list[np.ndarray] = []
            for pool, walk in walks:
                used: list[int] = []
                while len(members) < wanted and (step := walk.take(1, used)):
                    used += step
                    video = self._video(int(pool[step[0]]))
                    count = min(part.identities, wanted - len(members))
                    members += video.take(count, present)
                for place in used:
                    video = self._video(int(pool[place]))
                    members += video.take(wanted - len(members), present)
                if len(members) == wanted:
                    break
            if not members:
                raise ValueError('no single-camera image has an identity.')
            drawn += (members * wanted)[:wanted]
        size = np.array([len(rows) for rows in drawn])[:, None]
        start = np.cumsum(size)[:, None] - size
        rng = np.random.default_rng((self.seed, Stream.SINGLE_CAMERA, self.epoch))
        column = np.arange(part.images)
        unit = rng.random((len(drawn), part.images))
        # of few images, each in turn from a random one on
        turn = (column + (unit[:, :1] * size).astype(np.int64)) % size
        segment = ((column + unit) * size / part.images).astype(np.int64)
        place = start + np.where(size < part.images, turn, segment)
        rows = np.concatenate(drawn)[place]
        return rows.reshape(iterations, -1).astype(np.int64) + planner._first_row

    def _video(self, position: int) -> _Video:
        if position not in self.videos:
            rows = self.planner.rows_of(position)
            seed = (self.seed, Stream.SINGLE_CAMERA, self.epoch, position)
            self.videos[position] = _Video(rows, self.identity[rows], *seed)
        return self.videos[position]


class _Video:
    """Identities of a video and the walk over them."""

    def __init__(self, rows: np.ndarray, identity: np.ndarray, *seed: int) -> None:
        order = np.argsort(identity, kind='stable')
        order = order[np.searchsorted(identity[order], 0) :]
        names, start = np.unique(identity[order], return_index=True)
        self.names = names.tolist()
        self.rows = np.split(rows[order], start[1:]) if len(names) else []
        self.walk = Walk(max(len(names), 1), 0, *seed)

    def take(self, count: int, present: set[int]) -> list[np.ndarray]:
        """Rows of up to ``count`` identities that are not present yet; adds them."""
        taken = []
        absent = {p for p, name in enumerate(self.names) if name in present}
        for place in self.walk.take(count, absent) if self.names else ():
            present.add(self.names[place])
            taken.append(self.rows[place])
        return taken
