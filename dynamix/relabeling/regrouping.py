from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dynamix.structures import DROPPED

from .calibration import Calibration
from .homes import find_homes
from .linkage import shared_frames
from .merging import merge_pieces
from .pieces import Pieces, cut_tracklets, find_pieces, find_tracklets
from .purify import score_images
from .relabel_rule import RelabelRule
from .tracked_images import TrackedImages


class Regrouping(NamedTuple):
    """Result of :func:`regroup`.

    Args:
        component (np.ndarray): ``[n]`` int64: images of one number show one person;
            -1: dropped. Numbers of different videos differ: they are ``2 t`` or
            ``2 t + 1``, where ``t`` is a tracklet of the video.
        tracklets (int): Tracklets looked at.
        embeddings (int): Images with a usable embedding.
        splits (int): Tracklets cut in two.
        merges (int): Joins of two groups of images.
        moves (int): Images that went from their tracklet to another person.
        vetoes (int): Pairs of pieces, alike enough to merge, that a shared frame
            forbids.
    """

    component: np.ndarray
    tracklets: int = 0
    embeddings: int = 0
    splits: int = 0
    merges: int = 0
    moves: int = 0
    vetoes: int = 0


def regroup(
    images: TrackedImages, calibration: Calibration, rule: RelabelRule
) -> Regrouping:
    """Decides who is who within each video.

    What it says of a video depends on that video and the calibration alone.

    Args:
        images (TrackedImages): Images of any number of whole videos, in any order.
        calibration (Calibration): Spaces and thresholds.
        rule (RelabelRule): The rule.

    Returns:
        Regrouping: Components and what was done.
    """
    tracklets = find_tracklets(images)
    rows, scored = tracklets.rows, None
    if calibration.space is not None:
        names, group = tracklets.group
        z = calibration.space.project(tracklets.x)
        scored = score_images(
            z, group, tracklets.video[names], calibration.least_crowding
        )
    piece, splits = cut_tracklets(tracklets, scored, calibration.purity, rule)
    merges = vetoes = moves = 0
    if calibration.merging.similarity < np.inf:
        pieces = find_pieces(tracklets, piece)
        piece, merges, vetoes = _merge(images, pieces, piece, calibration)
    if scored is not None and calibration.homes is not None:
        before = piece[rows]
        elsewhere = piece >= 0
        elsewhere[rows] = False
        other = np.flatnonzero(elsewhere)
        piece[rows] = find_homes(
            scored.z,
            scored.crowding,
            before,
            images.video[rows],
            images.frame[rows],
            calibration.homes,
            (piece[other], images.frame[other]),
        )
        moves = int((before != piece[rows]).sum())
    component = np.full(len(images), DROPPED, np.int64)
    kept = piece >= 0
    name = tracklets.name.astype(np.int64)
    component[kept] = name[piece[kept] // 2] * 2 + piece[kept] % 2
    counts = (len(name), len(rows), splits, merges, moves, vetoes)
    return Regrouping(component, *counts)


def _merge(
    images: TrackedImages, pieces: Pieces, piece: np.ndarray, calibration: Calibration
) -> tuple[np.ndarray, int, int]:
    """Joins pieces; returns ``[n]`` piece of each image, merges and vetoes."""
    if len(pieces.name) == 0 or calibration.piece_space is None:
        return piece, 0, 0
    vectors = pieces.vectors(calibration.piece_space)
    kept = piece >= 0
    target = np.arange(int(piece.max()) + 1)
    place = np.full(len(target), -1, np.int64)
    place[pieces.name] = np.arange(len(pieces.name))
    forbidden = shared_frames(
        np.where(kept, place[piece], -1), images.video, images.frame, len(pieces.name)
    )
    tree = merge_pieces(vectors, pieces.video, forbidden, calibration.merging)
    target[pieces.name] = pieces.name[tree.cluster]
    merges = len(tree.height)
    return np.where(kept, target[piece], DROPPED), merges, tree.vetoes
