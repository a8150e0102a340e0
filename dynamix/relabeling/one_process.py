from __future__ import annotations

import numpy as np

from .guard import Relabeling
from .over_ranks import relabel_over_ranks
from .relabel_rule import RelabelRule
from .tracked_images import TrackedImages, check_tracklets, current_identities
from .video_split import VideoSplit


def relabel(
    embedding: np.ndarray,
    video: np.ndarray,
    tracklet: np.ndarray,
    *,
    frame: np.ndarray | None = None,
    valid: np.ndarray | None = None,
    current: np.ndarray | None = None,
    rule: RelabelRule | None = None,
    first_identity: int = 0,
    num_identities: int | None = None,
) -> Relabeling:
    """Finds who is who in single-camera videos (DynaMix, relabeling module; rule ours).

    Starts from the tracker's tracklets each time, so that nothing decided before
    binds: cuts tracklets that show two people, drops images that belong to nobody,
    merges pieces of one video that show one person, never two that share a frame.
    The result depends on its arguments alone.

    For one process that has all images; :func:`relabel_over_ranks` has the steps.

    Images without a valid embedding follow the larger piece of their tracklet; a
    tracklet without any stays as the tracker made it. So an image dropped before, no
    longer visited, returns once its embedding has grown too old to be valid.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision, not necessarily of
            unit length.
        video (np.ndarray): ``[n]`` integers.
        tracklet (np.ndarray): ``[n]`` the tracker's own identity numbers, unique over
            all videos; -1: none, such an image stays dropped.
        frame (np.ndarray, optional): ``[n]`` frame in the video's clock; -1: no clock.
            Defaults to None: no image has one.
        valid (np.ndarray, optional): ``[n]`` bool: which embeddings may vote. NaN, Inf
            and zero rows never do. Defaults to None: all others.
        current (np.ndarray, optional): ``[n]`` identities now, which give the numbers;
            -1: dropped. Defaults to None: the tracklets, counted through.
        rule (RelabelRule, optional): Defaults to ``RelabelRule()``.
        first_identity (int): First number of the single-camera range. Defaults to 0.
        num_identities (int, optional): Size of the identity space now; numbers from
            here on are new. Defaults to None: one more than the largest in use.

    Returns:
        Relabeling: The labels and the report.

    Raises:
        ValueError: If shapes do not fit or a tracklet lies in two videos.
        TypeError: If videos, tracklets, frames or identities are no integers.
    """
    images = TrackedImages.of(embedding, video, tracklet, frame, valid)
    check_tracklets(images.tracklet, images.video)
    return relabel_over_ranks(
        images,
        VideoSplit(images.video),
        current_identities(current, images.tracklet, first_identity),
        rule or RelabelRule(),
        first_identity=first_identity,
        num_identities=num_identities,
    )
