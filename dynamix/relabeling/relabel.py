from __future__ import annotations

import time

import numpy as np

from .calibration import (
    centre,
    halves,
    impostor_pairs,
    merge_thresholds,
    whiten,
)
from .evidence import ABOVE_ALL, cross_video_pairs, with_evidence
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
    span: np.ndarray | None = None,
    clock: bool = True,
    split: bool = True,
    drop: bool = True,
    merge_share: float = 0.4,
    split_share: float = 0.25,
) -> Relabeling:
    """Repairs tracklet labels within each video (ours).

    1. Images of a tracklet that resemble each other too little are divided.
    2. The parts of each video are joined by average linkage; parts that exist at the
       same time show different people and are never joined.
    3. Images left over go to the person they resemble, or are dropped.

    Each threshold lies between the similarities of different people and of one person,
    both measured in the same video. Where these overlap, labels stay as they are.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any length. Rows that are zero or
            not finite have no vote and follow the majority of their tracklet.
        video (np.ndarray): ``[n]`` integers.
        tracklet (np.ndarray): ``[n]`` integers; a tracklet lies in one video, and its
            images are given in order of time.
        frame (np.ndarray, optional): ``[n]`` frame number in the video; negative:
            unknown. Rows without an embedding count, too. Defaults to None: unknown.
        span (np.ndarray, optional): ``[n, 2]`` first and last frame of the whole
            tracklet of each image; negative: unknown. Shows that tracklets co-occur
            where few of their images are given. Defaults to None.
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
        frame, span = np.full(len(embedding), -1), None
    frame = np.asarray(frame)
    span = None if span is None else np.asarray(span)
    _check(embedding, video, tracklet, frame, span)
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
        images = _Images(x, rows, video, frame, tracklet, span, first)
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


class _Images:
    """Images with an embedding, and the frames of all images of their tracklets.

    Attributes:
        x (np.ndarray): ``[m, D]`` unit vectors.
        video, tracklet (np.ndarray): ``[m]`` of each, numbered from 0.
        count (int): Number of tracklets.
    """

    def __init__(
        self,
        x: np.ndarray,
        rows: np.ndarray,
        video: np.ndarray,
        frame: np.ndarray,
        tracklet: np.ndarray,
        span: np.ndarray | None,
        first: np.ndarray,
    ) -> None:
        names, self.tracklet = np.unique(tracklet[rows], return_inverse=True)
        self.x, self.video, self.count = x, video[rows], len(names)
        number = np.full(len(first), -1, np.int64)
        number[names] = np.arange(len(names))
        self._rows, self._frame, self._all = rows, frame, number[tracklet]
        self._rows_of_video = rows_of_groups(video, int(video.max()) + 1)
        self._span = None if span is None else span[first[names]]

    def videos(self, group: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Groups of each video and which of them co-occur.

        Args:
            group (np.ndarray): ``[m]`` group of each image: a tracklet or a part of
                one; -1: none.

        Returns:
            list[tuple[np.ndarray, np.ndarray]]: ``[k]`` groups and ``[k, k]`` bool.
        """
        kept = np.flatnonzero(group >= 0)
        _, first = np.unique(group[kept], return_index=True)
        owner, parent = self.video[kept[first]], self.tracklet[kept[first]]
        whole = np.bincount(parent, minlength=self.count) == 1
        # without an embedding, an image is where its tracklet is, if that is whole
        only = np.full(self.count + 1, -1, np.int64)
        only[parent[whole[parent]]] = np.flatnonzero(whole[parent])
        place = only[self._all]
        place[self._rows] = group
        span = None
        if self._span is not None:
            span = np.where(
                whole[parent][:, None],
                self._span[parent],
                self._spans_of(group, len(parent)),
            )
        result = []
        for members, rows in zip(
            rows_of_groups(owner, len(self._rows_of_video)), self._rows_of_video
        ):
            rows = rows[place[rows] >= 0]
            here = np.searchsorted(members, place[rows])
            part = None if span is None else span[members]
            pairs = cannot_link(here, self._frame[rows], part, len(members))
            result.append((members, pairs))
        return result

    def _spans_of(self, group: np.ndarray, count: int) -> np.ndarray:
        """``[count, 2]`` first and last known frame of the images of each group."""
        frame = self._frame[self._rows]
        known = np.flatnonzero((group >= 0) & (frame >= 0))
        last = np.full(count, -1, np.int64)
        np.maximum.at(last, group[known], frame[known])
        first = last.copy()
        np.minimum.at(first, group[known], frame[known])
        return np.stack([first, last], 1)


def _split(images: _Images, share: float) -> np.ndarray:
    """``[m]`` part of each image; -1: stray."""
    x = unit(centre(images.x, images.tracklet, images.count, images.video))
    threshold = np.full(images.count, -np.inf)
    mean = group_means(x, images.tracklet, images.count)
    size = np.bincount(images.tracklet)
    owner = value_of_groups(images.video, images.tracklet, images.count)
    across = cross_video_pairs(mean, owner)
    for members, forbidden in images.videos(images.tracklet):
        threshold[members] = image_threshold(
            mean[members], size[members], forbidden, across, share
        )
    return split_tracklets(x, images.tracklet, images.count, threshold)


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
    videos = images.videos(part)
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
        thresholds.append(
            merge_thresholds(
                similarity, forbidden, same[np.isfinite(same)], elsewhere, share
            )
        )
    owner = value_of_groups(images.video[kept], part[kept], count)
    across = cross_video_pairs(mean, owner)
    levels = with_evidence([t.merge for t in thresholds], pairs, certain, across)
    label = np.arange(count)
    for (members, forbidden), similarity, merge, (_, rejoin) in zip(
        videos, similarities, levels, thresholds
    ):
        siblings = parent[members][:, None] == parent[members]
        # linkage is given the array as it is changed below
        decisions.append(VideoDecisions(members, similarity, forbidden, merge))
        if merge == np.inf:
            label[members] = members[siblings.argmax(1)]
            continue
        report.vetoes += int(np.count_nonzero(forbidden & (similarity >= merge))) // 2
        similarity[siblings] += merge - rejoin
        cluster = link(similarity, merge, forbidden)
        label[members] = members[cluster]
        report.merges += int(np.count_nonzero(cluster != np.arange(len(members))))
    levels = [level for level in levels if level < ABOVE_ALL]
    if levels:
        report.threshold = float(np.median(levels))
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
    embedding: np.ndarray,
    video: np.ndarray,
    tracklet: np.ndarray,
    frame: np.ndarray,
    span: np.ndarray | None,
) -> None:
    if embedding.ndim != 2:
        raise ValueError(f'embedding must be [n, D], but got {embedding.shape}.')
    count = len(embedding)
    expected = dict(video=(count,), tracklet=(count,), frame=(count,), span=(count, 2))
    values = dict(video=video, tracklet=tracklet, frame=frame, span=span)
    for name, value in values.items():
        if value is not None and value.shape != expected[name]:
            raise ValueError(
                f'{name} must have shape {expected[name]}, as embedding has {count} '
                f'rows, but got {value.shape}.'
            )
