from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from .calibrate import calibrate
from .numbering import DROPPED, keep_numbers
from .regroup import regroup
from .relabel_report import RelabelReport
from .relabel_rule import RelabelRule
from .tracked_images import TrackedImages, check_tracklets
from .video_blocks import (
    block_of_videos,
    number_videos,
    rows_by_number,
    sample_rows,
    sample_videos,
)


class Relabeling(NamedTuple):
    """Result of :func:`relabel`.

    Args:
        identity (np.ndarray): ``[n]`` int32 new labels; -1: dropped.
        report (RelabelReport): What was done.
    """

    identity: np.ndarray
    report: RelabelReport


def relabel(
    embedding: np.ndarray,
    valid: np.ndarray,
    video: np.ndarray,
    tracklet: np.ndarray,
    frame: np.ndarray,
    current: np.ndarray,
    rule: RelabelRule | None = None,
    *,
    first_identity: int = 0,
    num_identities: int | None = None,
    taken: np.ndarray | None = None,
) -> Relabeling:
    """Finds who is who in single-camera videos (DynaMix, relabeling module; rule ours).

    Starts from the tracker's tracklets each time, so that nothing decided before
    binds: cuts tracklets that show two people, drops images that belong to nobody,
    merges pieces of one video that show one person, never two that share a frame.
    The result depends on its arguments alone.

    In four steps: a sample of videos calibrates (:func:`calibrate`), each video is
    decided by itself (:func:`regroup`), what was found gets numbers
    (:func:`keep_numbers`), and a guard looks at it (:func:`conclude`).
    ``over_ranks`` takes the same steps on several processes.

    Images without a valid embedding follow the larger piece of their tracklet; a
    tracklet without any stays as the tracker made it. So an image dropped before, no
    longer visited, returns once its embedding has grown too old to be valid.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision, not necessarily of
            unit length.
        valid (np.ndarray): ``[n]`` bool: which embeddings may vote. NaN, Inf and zero
            rows never do.
        video (np.ndarray): ``[n]`` integers.
        tracklet (np.ndarray): ``[n]`` the tracker's own identity numbers, unique over
            all videos; -1: none, such an image stays dropped.
        frame (np.ndarray): ``[n]`` frame in the video's clock; -1: no clock.
        current (np.ndarray): ``[n]`` identities now; -1: dropped.
        rule (RelabelRule, optional): Defaults to ``RelabelRule()``.
        first_identity (int): First number of the single-camera range. Defaults to 0.
        num_identities (int, optional): Size of the identity space now; numbers from
            here on are new. Defaults to None: one more than the largest in use.
        taken (np.ndarray, optional): Numbers that images outside this call hold.

    Returns:
        Relabeling: The labels and the report.

    Raises:
        ValueError: If shapes do not fit or a tracklet lies in two videos.
    """
    begin = time.perf_counter()
    rule = rule or RelabelRule()
    columns = (np.asarray(x) for x in (embedding, valid, video, tracklet, frame))
    images = TrackedImages(*columns)
    current = np.asarray(current)
    if current.shape != (len(images),):
        raise ValueError(
            f'current must have shape ({len(images)},), as there are {len(images)} '
            f'embeddings, but has {current.shape}.'
        )
    check_tracklets(images.tracklet, images.video)
    videos = number_videos(images.video)
    voters = images.valid & (images.tracklet >= 0)
    count = np.bincount(videos.number[voters], minlength=len(videos.size))
    taken_rows = sample_rows(videos.number, voters, sample_videos(count, rule.seed))
    calibration = calibrate(images.take(taken_rows), rule)
    block = block_of_videos(videos.size)
    component = np.empty(len(images), np.int64)
    report = RelabelReport(
        images=len(images),
        videos=len(videos.size),
        tracklets=len(np.unique(images.tracklet[images.tracklet >= 0])),
        threshold=calibration.threshold,
    )
    for rows in rows_by_number(block[videos.number], int(block.max(initial=-1)) + 1):
        component[rows], *counts = regroup(images.take(rows), calibration, rule)
        report.add(*counts)
    if num_identities is None:
        num_identities = int(max(current.max(initial=-1), first_identity - 1)) + 1
    identity = keep_numbers(component, current, first_identity, num_identities, taken)
    return conclude(identity, current, rule, report, begin)


def conclude(
    identity: np.ndarray,
    current: np.ndarray,
    rule: RelabelRule,
    report: RelabelReport,
    begin: float,
) -> Relabeling:
    """Refuses a relabeling that changes too much, and completes the report.

    Args:
        identity (np.ndarray): ``[n]`` the labels found.
        current (np.ndarray): ``[n]`` the labels now.
        rule (RelabelRule): Has ``max_changed`` and ``insist``.
        report (RelabelReport): What is known so far; completed in place.
        begin (float): ``time.perf_counter()`` when relabeling began.

    Returns:
        Relabeling: The labels found, or those of now.
    """
    report.changed = float(np.mean(identity != current)) if len(current) else 0.0
    if report.changed > rule.max_changed and not rule.insist:
        report.refused = (
            f'{report.changed:.1%} of the labels would change at once, more than '
            f'max_changed={rule.max_changed:.1%}'
        )
        identity = current.astype(np.int32)
    report.drops = int(((identity == DROPPED) & (current != DROPPED)).sum())
    report.revived = int(((identity != DROPPED) & (current == DROPPED)).sum())
    report.identities_before = len(np.unique(current[current >= 0]))
    report.identities_after = len(np.unique(identity[identity >= 0]))
    report.seconds = time.perf_counter() - begin
    return Relabeling(identity, report)
