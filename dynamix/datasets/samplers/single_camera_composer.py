from __future__ import annotations

from functools import cached_property

import numpy as np

from ..counter_random import below, random_bits, shuffled, stratum
from .composition import SingleCameraPart
from .grouped_rows import GroupedRows
from .stream import Stream


class SingleCameraComposer:
    """Composes the ``videos x identities x images`` single-camera images of any batch.

    Videos are walked through in random order, each once before any a second time;
    so are the identities of a video over its visits. (What does not fill a whole
    batch, or visit, at the end of a walk is left out of that walk.) All videos are
    drawn equally often, however many identities they have.

    Images: an identity's images of the drawn video, in row order, are cut into
    ``images`` equal segments with one draw from each. If it has fewer, they are
    repeated as evenly as possible.

    The size of a batch never changes and its identities are all different. Where a
    video has fewer identities than wanted, or an identity that spans several videos
    is in the batch already, the missing ones come from further random videos, at most
    ``identities`` of each; when those do not suffice (few videos), random identities
    of any video. DynaMix, data sampling module; the details are ours.

    Args:
        identity (np.ndarray): ``[n]`` identity of the rows now; -1: never drawn.
        video (np.ndarray): ``[n]`` video of each row.
        first_row (int): Row number of the first entry.
        part (SingleCameraPart): The composition.
        seed (int): Seed of all draws.

    Raises:
        ValueError: If there are fewer identities than a batch takes, or a row has no
            video.
    """

    def __init__(
        self,
        identity: np.ndarray,
        video: np.ndarray,
        first_row: int,
        part: SingleCameraPart,
        seed: int,
    ) -> None:
        self.part = part
        self.seed = seed
        kept = np.flatnonzero(identity >= 0)
        whole = len(kept) == len(identity)
        video_kept = video if whole else video[kept]
        if len(kept) and video_kept.min() < 0:
            wrong = first_row + int(kept[video_kept.argmin()])
            raise ValueError(
                f'single-camera image {wrong} belongs to no video (video -1): give '
                'every single-camera image the number of its video.'
            )
        self.index = GroupedRows(
            video_kept, identity if whole else identity[kept], kept + first_row
        )
        present = np.zeros(int(identity.max(initial=-1)) + 1, dtype=bool)
        present[self.index.member] = True
        #: Number of different identities that can be drawn.
        self.num_identities = int(np.count_nonzero(present))
        self._spans_videos = self.num_identities < len(self.index.member)
        needed = part.num_identities
        if self.num_identities < needed:
            raise ValueError(
                f'single_camera: a batch takes {part.videos} videos x '
                f'{part.identities} identities = {needed} different identities, but '
                f'the single-camera sources have {self.num_identities} with images '
                f'({len(self.index.group)} videos, {len(kept)} of {len(identity)} '
                'images not dropped).'
            )

    def compose(
        self, batches: np.ndarray, balance: tuple[int, int] | None = None
    ) -> np.ndarray:
        """Draws batches.

        Args:
            batches (np.ndarray): ``[b]`` batch numbers.
            balance (tuple[int, int], optional): ``(videos, identities)``. Defaults
                to that of the composition.

        Returns:
            np.ndarray: ``[b, videos * identities * images]`` int64 rows.
        """
        index = self.index
        videos, identities = balance or (self.part.videos, self.part.identities)
        group, member, missing = self._draw(batches, videos, identities)
        short = np.flatnonzero(missing.any(axis=(1, 2)))
        if len(short):
            member[short] = self._filled(
                batches[short], group[short], member[short], missing[short]
            )
        start = index.member_start[member][..., None]
        size = index.member_start[member + 1][..., None] - start
        column = np.arange(videos * identities * self.part.images)
        bits = random_bits(
            self.seed, Stream.SINGLE_CAMERA_IMAGE, batches[:, None], column
        ).reshape(len(batches), videos, identities, -1)
        place = stratum(bits, size, self.part.images, np.arange(self.part.images))
        return index.rows[start + place].reshape(len(batches), -1).astype(np.int64)

    def _draw(
        self, batches: np.ndarray, videos: int, identities: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Groups ``[b, V]``, members ``[b, V, P]``, and which members are missing.

        With fewer than ``V`` videos, the groups are all videos.
        """
        number = len(self.index.group)
        walk, step = np.divmod(batches[:, None], max(number // videos, 1))
        group = shuffled(
            step * videos + np.arange(min(videos, number)),
            number,
            random_bits(self.seed, Stream.VIDEO, walk),
        )
        member = self._draw_members(group, walk, identities)
        size = self.index.group_start[group + 1] - self.index.group_start[group]
        missing = np.arange(identities) >= size[..., None]
        lacking = videos - group.shape[1]
        if lacking:
            member = np.pad(member, ((0, 0), (0, lacking), (0, 0)))
            missing = np.pad(
                missing, ((0, 0), (0, lacking), (0, 0)), constant_values=True
            )
        if self._spans_videos:
            flat = (x.reshape(len(batches), -1) for x in (member, missing))
            missing |= self._repeated(*flat).reshape(missing.shape)
        return group, member, missing

    def _draw_members(
        self, group: np.ndarray, visit: np.ndarray, identities: int
    ) -> np.ndarray:
        """Members ``[..., P]`` of each group; repeated where it has fewer."""
        size = self.index.group_start[group + 1] - self.index.group_start[group]
        walk, step = np.divmod(visit, np.maximum(size // identities, 1))
        key = random_bits(self.seed, Stream.VIDEO_IDENTITY, group, walk)
        place = step[..., None] * identities + np.arange(identities)
        size = size[..., None]
        place = shuffled(np.minimum(place, size - 1), size, key[..., None])
        return self.index.group_start[group][..., None] + place

    def _repeated(self, member: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """``[b, n]``: identities that are at an earlier place that is not missing."""
        identity = self.index.member[member].astype(np.int64)
        # Missing places hold no identity: numbers of their own.
        identity = np.where(missing, -1 - np.arange(member.shape[1]), identity)
        order = np.argsort(identity, axis=1, kind='stable')
        ordered = np.take_along_axis(identity, order, axis=1)
        again = np.zeros(member.shape, dtype=bool)
        np.put_along_axis(
            again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1
        )
        return again

    def _filled(
        self,
        batches: np.ndarray,
        group: np.ndarray,
        member: np.ndarray,
        missing: np.ndarray,
    ) -> np.ndarray:
        """``member`` (``[b, V, P]``) with other identities at the missing places."""
        shape = member.shape
        offered, void = self._from_further_videos(batches, group, shape)
        member, missing = (x.reshape(len(batches), -1) for x in (member, missing))
        member, missing = self._take(member, missing, offered, void, self._spans_videos)
        short = np.flatnonzero(missing.any(axis=1))
        if len(short):
            offered = self._from_all(batches[short], member.shape[1])
            void = np.zeros(offered.shape, dtype=bool)
            member[short], _ = self._take(
                member[short], missing[short], offered, void, True
            )
        return member.reshape(shape)

    def _take(
        self,
        member: np.ndarray,
        missing: np.ndarray,
        offered: np.ndarray,
        void: np.ndarray,
        may_repeat: bool,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fills missing places with what is offered, in order.

        Args:
            member (np.ndarray): ``[b, n]``; places that are right stay.
            missing (np.ndarray): ``[b, n]`` booleans.
            offered (np.ndarray): ``[b, m]`` members.
            void (np.ndarray): ``[b, m]`` offers that are none.
            may_repeat (bool): Whether what is offered may be in the batch already, or
                be offered twice.

        Returns:
            tuple: ``member``, and what is still missing.
        """
        places = member.shape[1]
        flat = np.concatenate([member, offered], axis=1)
        absent = np.concatenate([missing, void], axis=1)
        if may_repeat:
            absent |= self._repeated(flat, absent)
        hole = absent[:, :places]
        rank = hole.cumsum(axis=1) - 1 + (~hole).sum(axis=1, keepdims=True)
        present = np.argsort(absent, axis=1, kind='stable')
        source = np.where(
            hole, np.take_along_axis(present, rank, axis=1), np.arange(places)
        )
        found = rank < (~absent).sum(axis=1, keepdims=True)
        return np.take_along_axis(flat, source, axis=1), hole & ~found

    def _from_further_videos(
        self, batches: np.ndarray, group: np.ndarray, shape: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """``[b, m]`` members of random videos, and which of them are none."""
        _, videos, wanted = shape
        number = len(self.index.group)
        # Each video offers one identity at least, and V are in the batch already.
        reach = np.arange(min(videos * wanted + group.shape[1], number))
        key = random_bits(self.seed, Stream.FILL, batches[:, None])
        further = shuffled(reach, number, key)
        offered = self._draw_members(further, batches[:, None], wanted)
        size = self.index.group_start[further + 1] - self.index.group_start[further]
        void = np.arange(wanted) >= size[..., None]
        void |= (further[:, :, None] == group[:, None, :]).any(axis=2)[..., None]
        return offered.reshape(len(batches), -1), void.reshape(len(batches), -1)

    def _from_all(self, batches: np.ndarray, count: int) -> np.ndarray:
        """``[b, count]`` members of different random identities, each of any video.

        As many as the batch has places fill any holes: those that it has already are
        fewer by the number of holes.
        """
        key = random_bits(self.seed, Stream.FILL_FROM_ALL, batches[:, None])
        drawn = shuffled(np.arange(count), self.num_identities, key)
        if not self._spans_videos:
            return drawn  # an identity is a member
        order, start = self._by_identity
        size = start[drawn + 1] - start[drawn]
        bits = random_bits(key, Stream.VIDEO, np.arange(count))
        return order[start[drawn] + below(bits, size)]

    @cached_property
    def _by_identity(self) -> tuple[np.ndarray, np.ndarray]:
        """Members grouped by identity ``[M]``, and where each group starts."""
        order = np.argsort(self.index.member, kind='stable')
        first = np.flatnonzero(np.diff(self.index.member[order], prepend=-1))
        return order, np.append(first, len(order))
