from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .calibration import merge_threshold, negative_scores, neighbours_null
from .pieces import cut_tracklets, find_pieces, find_tracklets
from .purify import purity_level
from .relabel_rule import RelabelRule
from .space import WhitenedSpace
from .tracked_images import TrackedImages


@dataclass(frozen=True)
class Calibration:
    """Everything that the videos have in common; small, and can be pickled.

    Args:
        space (WhitenedSpace, optional): Where images are compared with their
            tracklet. None: nothing is cut or dropped.
        level (float): Least score of a member of a tracklet; minus infinity: nothing
            is cut or dropped. Defaults to minus infinity.
        piece_space (WhitenedSpace, optional): Where pieces are compared. None:
            nothing is merged.
        threshold (float): Similarity from which pieces merge; infinite: none do.
            Defaults to infinity.
    """

    space: WhitenedSpace | None = None
    level: float = -np.inf
    piece_space: WhitenedSpace | None = None
    threshold: float = np.inf


def calibrate(images: TrackedImages, rule: RelabelRule) -> Calibration:
    """Finds spaces and thresholds from evidence that needs no labels.

    Args:
        images (TrackedImages): A sample: whole videos, or at least whole tracklets.
        rule (RelabelRule): The rule.

    Returns:
        Calibration: One that changes nothing, if there is no evidence.
    """
    tracklets = find_tracklets(images)
    if len(tracklets.rows) == 0:
        return Calibration()
    names, group = tracklets.group
    space = WhitenedSpace(images.embedding, tracklets.rows, group, rule.shrinkage)
    level = -np.inf
    if rule.split or rule.drop:
        level = purity_level(
            images.embedding, tracklets.rows, group, tracklets.video[names], space,
            rule.error_share, rule.seed,
        )  # fmt: skip
    if not rule.merge:
        return Calibration(space, level)
    piece, _ = cut_tracklets(images, tracklets, space, level, rule)
    pieces = find_pieces(tracklets, piece)
    piece_space = WhitenedSpace(
        images.embedding, pieces.rows, pieces.group, rule.shrinkage, core=False
    )
    vectors = pieces.vectors(images, piece_space)
    negatives = negative_scores(vectors, pieces.video, rule.seed)
    negatives = neighbours_null(negatives, vectors, pieces.video, rule.seed)
    threshold = merge_threshold(
        vectors, pieces.video, negatives, rule.false_share, rule.false_rate
    )
    return Calibration(space, level, piece_space, threshold)
