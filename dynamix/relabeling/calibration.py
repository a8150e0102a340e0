from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from .homes import HomeLevels, calibrate_homes
from .merging import NO_MERGES, MergeLevel, merge_level, merge_pieces
from .pieces import cut_tracklets, find_pieces, find_tracklets
from .purify import DIM, PurityLevels, calibrate_purity, score_images
from .relabel_rule import RelabelRule
from .space import WhitenedSpace
from .tracked_images import TrackedImages

# With fewer, threads inside a product cost more than they bring.
MANY_DIMENSIONS = 1024


@dataclass(frozen=True)
class Calibration:
    """Everything that the videos have in common; can be pickled, 4 D^2 bytes large.

    Args:
        space (WhitenedSpace, optional): Where images are compared with tracklets and
            people. None: no image leaves its tracklet.
        least_crowding (float): Crowding that every image has at least. Defaults to 0.
        purity (PurityLevels, optional): Least scores of members of a tracklet.
        homes (HomeLevels, optional): Scores from which images move to other people.
        piece_space (WhitenedSpace, optional): Where pieces are compared. None:
            nothing is merged.
        merging (MergeLevel): Similarity from which pieces merge. Defaults to one that
            none reaches.
    """

    space: WhitenedSpace | None = None
    least_crowding: float = 0.0
    purity: PurityLevels | None = None
    homes: HomeLevels | None = None
    piece_space: WhitenedSpace | None = None
    merging: MergeLevel = NO_MERGES


def calibrate(images: TrackedImages, rule: RelabelRule) -> Calibration:
    """Finds spaces and thresholds from evidence that needs no labels.

    Args:
        images (TrackedImages): A sample: videos, or large parts of them.
        rule (RelabelRule): The rule.

    Returns:
        Calibration: One that changes nothing, if there is no evidence.
    """
    few = images.embedding.shape[1] < MANY_DIMENSIONS
    with threadpool_limits(1 if few else None, user_api='blas'):
        return _calibrate(images, rule)


def _calibrate(images: TrackedImages, rule: RelabelRule) -> Calibration:
    tracklets = find_tracklets(images)
    if len(tracklets.rows) == 0:
        return Calibration()
    names, group = tracklets.group
    space = purity = scored = None
    if rule.split or rule.drop:
        space = WhitenedSpace(tracklets.x, group, rule.shrinkage, dim=DIM)
        z = space.project(tracklets.x)
        scored = score_images(z, group, tracklets.video[names])
        purity = calibrate_purity(scored, rule.cut_cost, rule.min_images, rule.seed)
        if purity.first == -np.inf:
            space = purity = scored = None
    piece, _ = cut_tracklets(tracklets, scored, purity, rule)
    pieces = find_pieces(tracklets, piece)
    if len(pieces.name) == 0:
        return Calibration()
    piece_space, merging = None, NO_MERGES
    person = np.arange(len(pieces.name))
    if rule.merge:
        piece_space = WhitenedSpace(
            tracklets.x,
            pieces.group,
            rule.shrinkage,
            core=False,
            members=pieces.members,
        )
        vectors = pieces.vectors(piece_space)
        forbidden = pieces.shared_frames(images)
        merging = merge_level(
            vectors, pieces.video, np.bincount(pieces.group), forbidden,
            rule.separation, rule.seed,
        )  # fmt: skip
        person = merge_pieces(vectors, pieces.video, forbidden, merging).cluster
    homes = None
    if scored is not None and rule.drop:
        names, label = np.unique(person, return_inverse=True)
        homes = calibrate_homes(
            scored.z[pieces.members],
            scored.crowding[pieces.members],
            label[pieces.group],
            pieces.video[names],
            rule.seed,
        )
    least = 0.0 if scored is None else scored.least_crowding
    return Calibration(space, least, purity, homes, piece_space, merging)
