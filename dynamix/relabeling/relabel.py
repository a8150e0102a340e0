from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from .calibration import (
    centre,
    halves,
    impostor_pairs,
    merge_threshold,
    whiten,
)
from .evidence import cross_video_pairs, with_evidence
from .grouping import (
    group_means,
    number_by_appearance,
    numbered,
    rows_of_groups,
    unit,
    usable_rows,
    value_of_groups,
)
from .linkage import cannot_link, link
from .purify import assign_strays, image_threshold, split_tracklets
from .report import Decisions, Relabeling, RelabelReport, VideoDecisions


def relabel(
    embedding: np.ndarray,
    video: np.ndarray,
    tracklet: np.ndarray,
    frame: np.ndarray | None = None,
    *,
    clock: bool = True,
    split: bool = True,
    drop: bool = True,
    merge_share: float = 0.4,
    split_share: float = 0.25,
) -> Relabeling:
    """Repairs tracklet labels within each video (ours).

    1. Images of a tracklet that resemble each other too little are divided.
    2. The parts of each video are joined by average linkage, after whitening by the
       covariance within parts. Parts that share more than a fifth of their time show
       different people and are never joined.
    3. Images left over go to the person they resemble, or are dropped.

    Each threshold lies between the similarities of different people and of one person,
    both measured in the same video; where these overlap, labels stay as they are. That
    of step 2 is raised until at most a third of the pairs above it may be expected to
    show different people.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any length. Rows that are zero or
            not finite have no vote and follow the majority of their tracklet.
        video (np.ndarray): ``[n]`` integers.
        tracklet (np.ndarray): ``[n]`` integers; a tracklet lies in one video, and its
            images are given in order of time.
        frame (np.ndarray, optional): ``[n]`` frame number in the video; negative:
            unknown. Defaults to None: unknown.
        clock (bool): Whether frame numbers of different tracklets of a video can be
            compared. Defaults to True.
        split (bool): Whether to divide tracklets. Defaults to True.
        drop (bool): Whether to drop images that resemble no person of their video.
            If not, they follow the majority of their tracklet. Defaults to True.
        merge_share (float): Where the threshold of step 2 lies between the median
            similarities of different people (0) and of one person (1).
        split_share (float): The same of step 1.

    Returns:
        Relabeling: Labels, a report and the decisions.

    Raises:
        ValueError: If shapes disagree or a tracklet lies in two videos.
    """
    begin = time.perf_counter()
    embedding, video, tracklet = map(np.asarray, (embedding, video, tracklet))
    if frame is None or not clock:
        frame = np.full(len(embedding), -1)
    frame = np.asarray(frame)
    _check(embedding, video, tracklet, frame)
    first, tracklet = numbered(tracklet)
    _, video = numbered(video)
    if (video != video[first][tracklet]).any():
        raise ValueError('A tracklet must lie in one video, but some lie in several.')
    rows, x = usable_rows(embedding)
    report = RelabelReport(
        images=len(video),
        embedded=len(rows),
        videos=int(video.max(initial=-1)) + 1,
        tracklets=len(first),
    )
    label = np.full(len(video), -1, np.int64)
    decisions = Decisions(label.copy(), [])
    if len(rows):
        images = _Images(
            x, numbered(video[rows])[1], numbered(tracklet[rows])[1], frame[rows]
        )
        part = images.tracklet
        if split:
            part = _split(images, split_share)
        decisions.part[rows] = part
        label[rows] = _merge(images, part, merge_share, report, decisions.videos)
    silent = np.ones(len(video), bool)
    silent[rows] = not drop
    silent &= label < 0
    label = _follow_majority(label, tracklet, silent)
    report.drops = int(np.count_nonzero(label < 0))
    report.seconds = time.perf_counter() - begin
    return Relabeling(number_by_appearance(label), report, decisions)


class _Images(NamedTuple):
    """Images with an embedding.

    Args:
        x (np.ndarray): ``[m, D]`` unit vectors.
        video, tracklet (np.ndarray): ``[m]`` of each, numbered from 0.
        frame (np.ndarray): ``[m]`` of each; negative: unknown.
    """

    x: np.ndarray
    video: np.ndarray
    tracklet: np.ndarray
    frame: np.ndarray


def _groups_of_videos(
    images: _Images, group: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Lists for each video ``[k]`` its groups and ``[k, k]`` which of them co-occur.

    ``group`` is ``[m]``, that of each image; -1: none.
    """
    kept = np.flatnonzero(group >= 0)
    result = []
    for rows in rows_of_groups(images.video[kept], int(images.video.max()) + 1):
        members, number = np.unique(group[kept[rows]], return_inverse=True)
        forbidden = cannot_link(number, images.frame[kept[rows]], len(members))
        result.append((members, forbidden))
    return result


def _split(images: _Images, share: float) -> np.ndarray:
    """``[m]`` part of each image; -1: stray."""
    count = int(images.tracklet.max()) + 1
    x = unit(centre(images.x, images.tracklet, count, images.video))
    threshold = np.full(count, -np.inf)
    mean = group_means(x, images.tracklet, count)
    size = np.bincount(images.tracklet)
    owner = value_of_groups(images.video, images.tracklet, count)
    across = cross_video_pairs(mean, owner)
    for members, forbidden in _groups_of_videos(images, images.tracklet):
        threshold[members] = image_threshold(
            mean[members], size[members], forbidden, across, share
        )
    return split_tracklets(x, images.tracklet, count, threshold)


def _merge(
    images: _Images,
    part: np.ndarray,
    share: float,
    report: RelabelReport,
    decisions: list[VideoDecisions],
) -> np.ndarray:
    """``[m]`` label of each image; -1: dropped."""
    kept, count = np.flatnonzero(part >= 0), int(part.max()) + 1
    parent = value_of_groups(images.tracklet[kept], part[kept], count)
    report.splits = int(np.count_nonzero(np.bincount(parent) > 1))
    x = whiten(images.x, part, count, images.video)
    mean = unit(group_means(x[kept], part[kept], count))
    genuine = halves(x[kept], part[kept], count)
    videos = _groups_of_videos(images, part)
    similarities = [mean[members] @ mean[members].T for members, _ in videos]
    pairs, certain = [], []
    for (_, forbidden), similarity in zip(videos, similarities):
        upper = np.triu_indices(len(similarity), 1)
        pairs.append(similarity[upper][~forbidden[upper]])
        impostor, own = impostor_pairs(similarity, forbidden)
        certain.append(impostor if own else np.empty(0))
    elsewhere = np.concatenate(certain)
    thresholds = []
    for (members, forbidden), similarity in zip(videos, similarities):
        same = genuine[members]
        same = same[np.isfinite(same)]
        thresholds.append(
            merge_threshold(similarity, forbidden, same, elsewhere, share)
        )
    owner = value_of_groups(images.video[kept], part[kept], count)
    across = cross_video_pairs(mean, owner)
    thresholds = with_evidence(thresholds, pairs, certain, across)
    label = np.arange(count)
    for (members, forbidden), similarity, threshold in zip(
        videos, similarities, thresholds
    ):
        decisions.append(VideoDecisions(members, similarity, forbidden, threshold))
        close = np.triu(forbidden & (similarity >= threshold))
        report.vetoes += int(np.count_nonzero(close))
        cluster = link(similarity, threshold, forbidden)
        label[members] = members[cluster]
        report.merges += int(np.count_nonzero(cluster != np.arange(len(members))))
    finite = [threshold for threshold in thresholds if threshold < np.inf]
    if finite:
        report.threshold = float(np.median(finite))
    person = np.where(part >= 0, label[part], -1)
    return assign_strays(x, person, images.video, images.tracklet)


def _follow_majority(
    label: np.ndarray, tracklet: np.ndarray, silent: np.ndarray
) -> np.ndarray:
    """Gives silent images the most frequent label of their tracklet.

    Images of a tracklet without any label form a group of their own.
    """
    voters = np.flatnonzero(label >= 0)
    majority = label.max(initial=-1) + 1 + np.arange(tracklet.max(initial=-1) + 1)
    votes = np.stack([tracklet[voters], label[voters]], 1)
    pairs, number = np.unique(votes, axis=0, return_counts=True)
    order = np.lexsort((-pairs[:, 1], number))
    majority[pairs[order, 0]] = pairs[order, 1]
    return np.where(silent, majority[tracklet], label)


def _check(
    embedding: np.ndarray, video: np.ndarray, tracklet: np.ndarray, frame: np.ndarray
) -> None:
    if embedding.ndim != 2:
        raise ValueError(f'embedding must be [n, D], but got {embedding.shape}.')
    count = len(embedding)
    for name, value in dict(video=video, tracklet=tracklet, frame=frame).items():
        if value.shape != (count,):
            raise ValueError(
                f'{name} must have shape {(count,)}, as embedding has {count} rows, '
                f'but got {value.shape}.'
            )
