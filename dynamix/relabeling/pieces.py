"""Tracklets and the pieces that they are cut into."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .numbering import DROPPED
from .purify import purify
from .relabel_rule import RelabelRule
from .segments import unit_sums
from .space import WhitenedSpace
from .tracked_images import TrackedImages


class Tracklets(NamedTuple):
    """The tracklets of some images.

    Args:
        number (np.ndarray): ``[n]`` tracklet of each image, counted from 0 in order
            of video, then name; -1: none.
        name (np.ndarray): ``[T]`` the tracker's number of each.
        video (np.ndarray): ``[T]`` video of each.
        rows (np.ndarray): ``[m]`` images with a usable embedding, sorted by tracklet.
    """

    number: np.ndarray
    name: np.ndarray
    video: np.ndarray
    rows: np.ndarray

    @property
    def group(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the tracklets that have ``rows``, and ``[m]`` which of these."""
        return np.unique(self.number[self.rows], return_inverse=True)


def find_tracklets(images: TrackedImages) -> Tracklets:
    """Numbers the tracklets.

    Args:
        images (TrackedImages): Images of whole videos.

    Returns:
        Tracklets: What was found.
    """
    number = np.full(len(images), -1, np.int64)
    present = np.flatnonzero(images.tracklet >= 0)
    names, first, dense = np.unique(
        images.tracklet[present], return_index=True, return_inverse=True
    )
    video = images.video[present][first]
    order = np.lexsort((names, video))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    number[present] = rank[dense]
    rows = np.flatnonzero(images.usable())
    rows = rows[np.argsort(number[rows], kind='stable')]
    return Tracklets(number, names[order], video[order], rows)


def cut_tracklets(
    images: TrackedImages,
    tracklets: Tracklets,
    space: WhitenedSpace,
    level: float,
    rule: RelabelRule,
) -> tuple[np.ndarray, int]:
    """Cuts second persons off and drops strays.

    Args:
        images (TrackedImages): The images.
        tracklets (Tracklets): Their tracklets.
        space (WhitenedSpace): The space to compare in.
        level (float): Least score of a member; minus infinity cuts nothing.
        rule (RelabelRule): Says whether to split and to drop.

    Returns:
        tuple[np.ndarray, int]: ``[n]`` piece of each image, ``2 t`` for the larger
        piece of tracklet ``t`` and for its images without a usable embedding,
        ``2 t + 1`` for the other, -1 for dropped ones; number of tracklets cut in two.
    """
    piece = np.where(tracklets.number >= 0, tracklets.number * 2, DROPPED)
    if level == -np.inf:
        return piece, 0
    rows = tracklets.rows
    names, group = tracklets.group
    part = purify(images.embedding, rows, group, space, level, rule.min_images)
    if not rule.split:
        part[part == 1] = 0
    if not rule.drop:
        part[part == 2] = 0
    size = np.stack(
        [np.bincount(group[part == k], minlength=len(names)) for k in (0, 1)]
    )
    piece[rows] += (part == 1) ^ (size[1] > size[0])[group]
    piece[rows[part == 2]] = DROPPED
    return piece, int((size[1] > 0).sum())


class Pieces(NamedTuple):
    """Pieces with usable embeddings, sorted by video.

    Args:
        name (np.ndarray): ``[P]`` number of each, of :func:`cut_tracklets`.
        video (np.ndarray): ``[P]`` video of each.
        rows (np.ndarray): ``[m]`` their usable images, sorted by piece.
        group (np.ndarray): ``[m]`` which piece each is in, in ``0..P-1``.
    """

    name: np.ndarray
    video: np.ndarray
    rows: np.ndarray
    group: np.ndarray

    def vectors(self, images: TrackedImages, space: WhitenedSpace) -> np.ndarray:
        """``[P, D]`` unit vectors: projections of the pieces' means."""
        total = unit_sums(images.embedding, self.rows, self.group, len(self.name))
        return space.project(total / np.bincount(self.group)[:, None])


def find_pieces(tracklets: Tracklets, piece: np.ndarray) -> Pieces:
    """Lists the pieces that have usable embeddings.

    Args:
        tracklets (Tracklets): The tracklets.
        piece (np.ndarray): ``[n]`` of :func:`cut_tracklets`.

    Returns:
        Pieces: The pieces.
    """
    rows = tracklets.rows[piece[tracklets.rows] != DROPPED]
    rows = rows[np.argsort(piece[rows], kind='stable')]
    name, group = np.unique(piece[rows], return_inverse=True)
    return Pieces(name, tracklets.video[name // 2], rows, group)
