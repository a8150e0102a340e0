from __future__ import annotations

import time

import numpy as np

from .calibration import between, centre, halves, impostor_pairs, whiten
from .grouping import group_means, number_by_appearance, numbered, rows_of_groups, unit
from .linkage import cannot_link, link
from .purify import assign_strays, image_threshold, split_tracklets
from .report import Relabeling, RelabelReport

SPLIT_SHARE = 0.3
MERGE_SHARE = 0.4
# Where no tracklets co-occur, all pairs of a video stand for impostors: more care.
MERGE_SHARE_WITHOUT_CLOCK = 0.6
STRAY_SHARE = 0.5


def relabel(
    embedding: np.ndarray,
    video: np.ndarray,
    tracklet: np.ndarray,
    frame: np.ndarray | None = None,
    *,
    span: np.ndarray | None = None,
    clock: bool = True,
    split: bool = True,
    drop: bool = True,
) -> Relabeling:
    """Repairs tracklet labels within each video (ours).

    Images of a tracklet that resemble each other too little are divided; the parts of
    each video are joined by average linkage; images left over go to the person they
    resemble, or are dropped. Every threshold lies between the similarities of
    different people and of one person, measured in the same video. Tracklets that
    exist at the same time show different people.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any length. Rows that are zero or
            not finite have no vote and follow their tracklet's majority.
        video (np.ndarray): ``[n]`` integers.
        tracklet (np.ndarray): ``[n]`` integers; a tracklet lies in one video.
        frame (np.ndarray, optional): ``[n]`` frame number in the video; negative:
            unknown. Defaults to None: none is known.
        span (np.ndarray, optional): ``[n, 2]`` first and last frame of the whole
            tracklet of each image; negative: unknown. Tells that tracklets co-occur
            where few of their images are given. Defaults to None.
        clock (bool): Whether frame numbers of different tracklets of a video can be
            compared. Defaults to True.
        split (bool): Whether to divide tracklets. Defaults to True.
        drop (bool): Whether to drop images that resemble no person of their video.
            If not, they keep their tracklet's label. Defaults to True.

    Returns:
        Relabeling: Labels and a report.

    Raises:
        ValueError: If shapes disagree or a tracklet lies in two videos.
    """
    begin = time.perf_counter()
    embedding = np.asarray(embedding)
    video, tracklet = np.asarray(video), np.asarray(tracklet)
    _check(embedding, video, tracklet, frame, span)
    count = len(embedding)
    if frame is None or not clock:
        frame, span = np.full(count, -1), None
    frame = np.asarray(frame)
    first, member = numbered(video, tracklet)
    _, video_number = numbered(video)
    if len(np.unique(tracklet)) != len(first):
        raise ValueError('A tracklet must lie in one video, but some lie in several.')
    report = RelabelReport(
        images=count,
        videos=int(video_number.max(initial=-1)) + 1,
        tracklets=len(first),
    )
    with np.errstate(over='ignore', invalid='ignore'):
        x = embedding.astype(np.float32)
        length = np.sqrt(np.einsum('ij,ij->i', x, x))
    rows = np.flatnonzero(np.isfinite(length) & (length > 0))
    report.embedded = len(rows)
    label = np.full(count, -1, np.int64)
    if len(rows):
        label[rows] = _relabel_embedded(
            unit(x[rows]),
            video_number,
            member,
            rows,
            frame,
            None if span is None else np.asarray(span)[first],
            split,
            report,
        )
    silent = np.ones(count, bool)
    silent[rows] = False
    if not drop:
        silent |= label < 0
    label = _follow_majority(label, member, silent)
    report.drops = int(np.count_nonzero(label < 0))
    report.seconds = time.perf_counter() - begin
    return Relabeling(number_by_appearance(label), report)


def _relabel_embedded(
    x: np.ndarray,
    video: np.ndarray,
    member: np.ndarray,
    rows: np.ndarray,
    frame: np.ndarray,
    span: np.ndarray | None,
    split: bool,
    report: RelabelReport,
) -> np.ndarray:
    """``[m]`` labels of the images with an embedding, ``x`` of ``rows``."""
    _, tracklet = np.unique(member[rows], return_inverse=True)
    part = tracklet
    count = int(tracklet.max()) + 1
    if split:
        part = _split(x, video, member, rows, frame, span, tracklet)
    parts = int(part.max()) + 1
    kept = np.flatnonzero(part >= 0)
    pairs = np.unique(np.stack([tracklet[kept], part[kept]]), axis=1)[0]
    pieces = np.bincount(pairs, minlength=count)
    report.splits = int(np.count_nonzero(pieces > 1))
    # images without an embedding exist where their tracklet does, if it is whole
    place = np.full(len(frame), -1, np.int64)
    only = np.full(int(member.max()) + 1, -1, np.int64)
    whole = pieces[tracklet[kept]] == 1
    only[member[rows[kept[whole]]]] = part[kept[whole]]
    place[:] = only[member]
    place[rows] = part
    spans = None if span is None else _part_spans(span, member, place, frame, parts)
    label = np.arange(parts)
    space = whiten(x[kept], part[kept], parts)
    mean = unit(group_means(space, part[kept], parts))
    same = halves(space, part[kept], parts)
    owner = np.empty(parts, np.int64)
    owner[part[kept]] = video[rows[kept]]
    thresholds = []
    present = np.flatnonzero(place >= 0)
    images_of = rows_of_groups(video[present], report.videos)
    for v, members in enumerate(rows_of_groups(owner, report.videos)):
        if len(members) < 2:
            continue
        images = present[images_of[v]]
        forbidden = cannot_link(
            np.searchsorted(members, place[images]),
            frame[images],
            None if spans is None else spans[members],
            len(members),
        )
        similarity = mean[members] @ mean[members].T
        known = same[members][np.isfinite(same[members])]
        certain = np.count_nonzero(forbidden)
        share = MERGE_SHARE if certain else MERGE_SHARE_WITHOUT_CLOCK
        level = between(impostor_pairs(similarity, forbidden), known, share)
        if not np.isfinite(level):
            continue
        cluster = link(similarity, level, forbidden)
        label[members] = members[np.unique(cluster, return_index=True)[1]][cluster]
        thresholds.append(level)
        report.vetoes += int(np.count_nonzero(forbidden & (similarity >= level))) // 2
        report.merges += len(members) - int(cluster.max()) - 1
    if thresholds:
        report.threshold = float(np.median(thresholds))
    person = np.where(part >= 0, label[np.maximum(part, 0)], -1)
    return assign_strays(x, person, video[rows], STRAY_SHARE)


def _split(
    x: np.ndarray,
    video: np.ndarray,
    member: np.ndarray,
    rows: np.ndarray,
    frame: np.ndarray,
    span: np.ndarray | None,
    tracklet: np.ndarray,
) -> np.ndarray:
    """``[m]`` part of each image with an embedding; -1: stray."""
    count = int(tracklet.max()) + 1
    space = centre(x, tracklet, count)
    threshold = np.full(count, -np.inf)
    for images in rows_of_groups(video[rows], int(video.max()) + 1):
        if len(images) == 0:
            continue
        names, local = np.unique(tracklet[images], return_inverse=True)
        inside = np.isin(member, member[rows[images]])
        present = np.flatnonzero(inside)
        owner = np.searchsorted(np.unique(member[present]), member[present])
        whole = None
        if span is not None:
            whole = span[np.unique(member[present])]
        forbidden = cannot_link(owner, frame[present], whole, len(names))
        threshold[names] = image_threshold(
            space[images], local, len(names), forbidden, SPLIT_SHARE
        )
    return split_tracklets(space, tracklet, count, threshold)


def _part_spans(
    span: np.ndarray,
    member: np.ndarray,
    place: np.ndarray,
    frame: np.ndarray,
    parts: int,
) -> np.ndarray:
    """``[parts, 2]`` first and last frame of each part.

    That of the tracklet if it is whole, else of the part's own images.
    """
    result = np.full((parts, 2), -1, np.int64)
    known = np.flatnonzero((place >= 0) & (frame >= 0))
    low = np.full(parts, np.iinfo(np.int64).max)
    high = np.full(parts, -1, np.int64)
    np.minimum.at(low, place[known], frame[known])
    np.maximum.at(high, place[known], frame[known])
    seen = high >= 0
    result[seen] = np.stack([low, high], 1)[seen]
    present = np.flatnonzero(place >= 0)
    pairs = np.unique(np.stack([member[present], place[present]]), axis=1)
    whole = np.bincount(pairs[0], minlength=len(span))[pairs[0]] == 1
    result[pairs[1, whole]] = span[pairs[0, whole]]
    return result


def _follow_majority(
    label: np.ndarray, member: np.ndarray, silent: np.ndarray
) -> np.ndarray:
    """Gives silent images the most frequent label of their tracklet.

    Images of a tracklet without any label form a group of their own.
    """
    voters = np.flatnonzero(~silent & (label >= 0))
    tracklets = int(member.max(initial=-1)) + 1
    majority = int(label.max(initial=-1)) + 1 + np.arange(tracklets)
    votes = np.stack([member[voters], label[voters]], 1)
    pairs, number = np.unique(votes, axis=0, return_counts=True)
    order = np.lexsort((-pairs[:, 1], number))
    majority[pairs[order, 0]] = pairs[order, 1]
    return np.where(silent, majority[member], label)


def _check(
    embedding: np.ndarray,
    video: np.ndarray,
    tracklet: np.ndarray,
    frame: np.ndarray | None,
    span: np.ndarray | None,
) -> None:
    count = len(embedding)
    shapes: dict[str, tuple[np.ndarray, tuple[int, ...]]] = dict(
        video=(video, (count,)), tracklet=(tracklet, (count,))
    )
    if frame is not None:
        shapes['frame'] = (np.asarray(frame), (count,))
    if span is not None:
        shapes['span'] = (np.asarray(span), (count, 2))
    if embedding.ndim != 2:
        raise ValueError(f'embedding must be [n, D], but got {embedding.shape}.')
    for name, (value, shape) in shapes.items():
        if value.shape != shape:
            raise ValueError(
                f'{name} must have shape {shape}, as embedding has {count} rows, but '
                f'got {value.shape}.'
            )
