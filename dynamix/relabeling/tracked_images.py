from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from dynamix.structures import DROPPED, without_gaps

from .columns import check_columns, check_integers
from .device_rows import DeviceRows, as_rows


@dataclass(frozen=True)
class TrackedImages:
    """What relabeling knows of single-camera images, but for their labels of now.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision, not necessarily of
            unit length.
        valid (np.ndarray): ``[n]`` bool: which embeddings may vote. NaN, Inf and zero
            rows never do.
        video (np.ndarray): ``[n]`` integers.
        tracklet (np.ndarray): ``[n]`` the tracker's own identity numbers, unique over
            all videos; -1: none, such an image stays dropped.
        frame (np.ndarray): ``[n]`` frame in the video's clock; -1: no clock.

    Raises:
        ValueError: If the lengths differ.
    """

    embedding: np.ndarray
    valid: np.ndarray
    video: np.ndarray
    tracklet: np.ndarray
    frame: np.ndarray

    def __post_init__(self) -> None:
        check_columns(
            len(self.embedding),
            valid=self.valid,
            video=self.video,
            tracklet=self.tracklet,
            frame=self.frame,
        )

    @classmethod
    def of(
        cls,
        embedding: np.ndarray,
        video: np.ndarray,
        tracklet: np.ndarray | None = None,
        frame: np.ndarray | None = None,
        valid: np.ndarray | None = None,
    ) -> TrackedImages:
        """From what a caller has: without tracklets or clocks, all images may vote.

        Raises:
            ValueError: If the lengths differ.
            TypeError: If videos, tracklets or frames are no integers.
        """
        rows = as_rows(embedding)
        none = np.full(len(rows), -1)
        images = cls(
            rows,
            np.ones(len(rows), bool) if valid is None else np.asarray(valid, bool),
            np.asarray(video),
            none if tracklet is None else np.asarray(tracklet),
            none if frame is None else np.asarray(frame),
        )
        check_integers(video=images.video, tracklet=images.tracklet, frame=images.frame)
        return images

    def __len__(self) -> int:
        return len(self.embedding)

    def take(self, rows: slice | np.ndarray) -> TrackedImages:
        """Some of the images, where they are; a slice copies nothing."""
        part = self.embedding
        if isinstance(part, DeviceRows):
            part = cast(np.ndarray, DeviceRows(part.tensor(rows)))
        else:
            part = part[rows]
        return TrackedImages(
            part,
            self.valid[rows],
            self.video[rows],
            self.tracklet[rows],
            self.frame[rows],
        )


def check_tracklets(tracklet: np.ndarray, video: np.ndarray) -> None:
    """Checks that no tracklet lies in two videos.

    Args:
        tracklet (np.ndarray): ``[n]`` integers; -1: none.
        video (np.ndarray): ``[n]`` integers.

    Raises:
        ValueError: Naming the tracklet.
    """
    present = np.flatnonzero(tracklet >= 0)
    names, first, dense = np.unique(
        tracklet[present], return_index=True, return_inverse=True
    )
    video = video[present]
    wrong = np.flatnonzero(video[first][dense] != video)
    if len(wrong):
        one = wrong[0]
        raise ValueError(
            f'tracklet {names[dense[one]]} lies in two videos, '
            f'{video[first][dense[one]]} and {video[one]}: tracklet numbers must be '
            'unique over all videos.'
        )


def current_identities(
    current: np.ndarray | None, otherwise: np.ndarray, first_identity: int
) -> np.ndarray:
    """Identities that new ones take their numbers from.

    Args:
        current (np.ndarray, optional): ``[n]`` identities now, -1: dropped.
        otherwise (np.ndarray): ``[n]`` taken if these are None, counted through from
            ``first_identity`` on; -1: none.
        first_identity (int): First number of the single-camera range.

    Returns:
        np.ndarray: ``[n]`` integers.

    Raises:
        TypeError: If ``current`` are no integers.
    """
    if current is None:
        counted = without_gaps(otherwise)
        return np.where(counted >= 0, counted + first_identity, DROPPED)
    current = np.asarray(current)
    check_integers(current=current)
    return current
