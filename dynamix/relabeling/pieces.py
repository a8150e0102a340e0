"""Tracklets and the pieces that they are cut into."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from dynamix.structures import DROPPED

from .linkage import shared_frames
from .purify import (
    STRAY,
    PurityLevels,
    ScoredImages,
    first_parts,
    settle_parts,
)
from .relabel_rule import RelabelRule
from .segments import means_of_members, number_runs, sort_stably, unit_rows
from .space import WhitenedSpace
from .tracked_images import TrackedImages


class Tracklets(NamedTuple):
    """The tracklets of some images.

    Args:
        number (np.ndarray): ``[n]`` tracklet of each image, counted from 0 in order
            of video, then name; -1: none.
        name (np.ndarray): ``[T]`` the tracker's number of each.
        video (np.ndarray): ``[T]`` video of each.
        rows (np.ndarray): ``[m]`` images with a usable embedding (valid, in a tracklet,
            finite and not zero), sorted by tracklet.
        x (torch.Tensor): ``[m, D]`` their embeddings, float32 of unit length.
    """

    number: np.ndarray
    name: np.ndarray
    video: np.ndarray
    rows: np.ndarray
    x: torch.Tensor

    @property
    def group(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the tracklets that have ``rows``, and ``[m]`` which of these."""
        names, _, group = number_runs(self.number[self.rows])
        return names, group


def find_tracklets(images: TrackedImages) -> Tracklets:
    """Numbers the tracklets.

    Args:
        images (TrackedImages): Images of whole videos.

    Returns:
        Tracklets: What was found.
    """
    number = np.full(len(images), -1, np.int64)
    present = np.flatnonzero(images.tracklet >= 0)
    names, first, dense = number_runs(images.tracklet[present])
    video = images.video[present][first]
    order = np.lexsort((names, video))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    number[present] = rank[dense]
    rows = np.flatnonzero(np.asarray(images.valid, bool) & (number >= 0))
    rows = rows[sort_stably(number[rows])]
    whole = len(rows) == len(images) and (np.diff(rows) == 1).all()
    x = unit_rows(images.embedding, slice(None) if whole else rows)
    # of length 1, or zero
    usable = (torch.linalg.vector_norm(x, dim=1) > 0.5).cpu().numpy()
    if not usable.all():
        rows, x = rows[usable], x[torch.from_numpy(usable).to(x.device)]
    return Tracklets(number, names[order], video[order], rows, x)


def cut_tracklets(
    tracklets: Tracklets,
    images: ScoredImages | None,
    levels: PurityLevels | None,
    rule: RelabelRule,
) -> tuple[np.ndarray, int]:
    """Cuts second persons off and takes strays out.

    Args:
        tracklets (Tracklets): The tracklets of some images.
        images (ScoredImages, optional): ``tracklets.rows``. None: nothing is cut.
        levels (PurityLevels, optional): Least scores of members. None: likewise.
        rule (RelabelRule): Says whether to split and to drop.

    Returns:
        tuple[np.ndarray, int]: ``[n]`` piece of each image, ``2 t`` for the larger
        piece of tracklet ``t`` and for its images without a usable embedding,
        ``2 t + 1`` for the other, -1 for strays; number of tracklets cut in two.
    """
    piece = np.where(tracklets.number >= 0, tracklets.number * 2, DROPPED)
    if images is None or levels is None or len(tracklets.rows) == 0:
        return piece, 0
    rows = tracklets.rows
    names, group = tracklets.group
    part = first_parts(images, levels.first, rule.min_images)
    part = settle_parts(images, part, levels.settled, rule.min_images)
    if not rule.split:
        part[part == 1] = 0
    if not rule.drop:
        part[part == STRAY] = 0
    size = np.stack(
        [np.bincount(group[part == k], minlength=len(names)) for k in (0, 1)]
    )
    piece[rows] += (part == 1) ^ (size[1] > size[0])[group]
    piece[rows[part == STRAY]] = DROPPED
    return piece, int((size > 0).all(0).sum())


class Pieces(NamedTuple):
    """Pieces with usable embeddings, sorted by video.

    Args:
        name (np.ndarray): ``[P]`` number of each, of :func:`cut_tracklets`.
        video (np.ndarray): ``[P]`` video of each.
        members (np.ndarray): ``[m]`` positions in ``tracklets.rows`` of their images,
            sorted by piece.
        group (np.ndarray): ``[m]`` which piece each is in, in ``0..P-1``.
        tracklets (Tracklets): What they are pieces of.
    """

    name: np.ndarray
    video: np.ndarray
    members: np.ndarray
    group: np.ndarray
    tracklets: Tracklets

    def vectors(self, space: WhitenedSpace) -> np.ndarray:
        """``[P, D]`` unit vectors: projections of the pieces' means."""
        return space.project(
            means_of_members(self.tracklets.x, self.members, self.group)
        )

    def shared_frames(self, images: TrackedImages) -> np.ndarray:
        """``[F, 2]`` pairs of pieces seen in one frame: two people."""
        piece = np.full(len(images), -1)
        piece[self.tracklets.rows[self.members]] = self.group
        return shared_frames(piece, images.video, images.frame, len(self.name))


def find_pieces(tracklets: Tracklets, piece: np.ndarray) -> Pieces:
    """Lists the pieces that have usable embeddings.

    Args:
        tracklets (Tracklets): The tracklets.
        piece (np.ndarray): ``[n]`` of :func:`cut_tracklets`.

    Returns:
        Pieces: The pieces.
    """
    own = piece[tracklets.rows]
    members = np.flatnonzero(own != DROPPED)
    members = members[sort_stably(own[members])]
    name, _, group = number_runs(own[members])
    return Pieces(name, tracklets.video[name // 2], members, group, tracklets)
