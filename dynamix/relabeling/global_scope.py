"""Identities of different videos that are one person."""

from __future__ import annotations

import time

import numpy as np

from dynamix.structures import DROPPED

from .columns import check_columns, check_integers, healthy_rows
from .global_rule import GlobalRule
from .guard import Relabeling, conclude
from .identity_centroids import identity_centroids
from .knn_graph import knn_graph
from .linkage import link, shared_frames
from .numbering import keep_numbers
from .relabel_report import RelabelReport
from .stranger_levels import (
    least_evidence,
    log_expected,
    stranger_levels,
    tail_depth,
)
from .tracked_images import TrackedImages, current_identities


def relabel_globally(
    embedding: np.ndarray,
    video: np.ndarray,
    start: np.ndarray,
    *,
    frame: np.ndarray | None = None,
    valid: np.ndarray | None = None,
    current: np.ndarray | None = None,
    rule: GlobalRule | None = None,
    first_identity: int = 0,
    num_identities: int | None = None,
) -> Relabeling:
    """Merges identities of different videos (DynaMix, relabeling module; rule ours).

    Looks at centroids of identities through a k-NN graph. Two merge if they are much
    more alike than the strangers around them (:func:`stranger_levels`), so that few
    merges are expected to be false, and each is the other's best match in its video.
    Evidence that costs no labels decides whether to act at all: where an identity's
    first and last thirds would not be found one person by the same levels, people who
    changed the camera will not be found either, and nothing is merged.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision, not necessarily of
            unit length; images of one identity in order of time.
        video (np.ndarray): ``[n]`` integers.
        start (np.ndarray): ``[n]`` identities to begin with, each of one video: the
            result of the in-video scope, or tracklets (then with
            ``GlobalRule(distinct=False)``); -1: dropped, and stays so.
        frame (np.ndarray, optional): ``[n]`` frame in the video's clock; -1: no clock.
            Defaults to None: no image has one.
        valid (np.ndarray, optional): ``[n]`` bool: which embeddings may vote. NaN, Inf
            and zero rows never do. Defaults to None: all others.
        current (np.ndarray, optional): ``[n]`` identities now, which give the numbers;
            -1: dropped. Defaults to None: those to begin with, counted through.
        rule (GlobalRule, optional): Defaults to ``GlobalRule()``.
        first_identity (int): First number of the single-camera range. Defaults to 0.
        num_identities (int, optional): Size of the identity space now. Defaults to
            None: one more than the largest in use.

    Returns:
        Relabeling: The labels and the report. Where the evidence does not suffice, the
        labels are ``start`` under kept numbers.

    Raises:
        ValueError: If shapes do not fit or an identity of ``start`` lies in two videos.
        TypeError: If videos, frames or identities are no integers.
        ImportError: If Faiss is needed and absent.
    """
    begin = time.perf_counter()
    rule = rule or GlobalRule()
    start = np.asarray(start)
    images = TrackedImages.of(embedding, video, None, frame, valid)
    check_columns(len(images), start=start)
    check_integers(start=start)
    current = current_identities(current, start, first_identity)
    check_columns(len(images), current=current)
    embedding, video, frame = images.embedding, images.video, images.frame
    report = RelabelReport(images=len(start), videos=len(np.unique(video)))
    usable = images.valid & (start >= 0) & healthy_rows(embedding)
    report.embeddings = int(usable.sum())
    owner, place = _identities(start, video)
    report.tracklets = len(owner)
    cluster = _merge(embedding, usable, place, owner, video, frame, rule, report)
    component = np.where(place >= 0, cluster[place], DROPPED)
    identity = keep_numbers(component, current, first_identity, num_identities)
    return conclude(identity, current, rule, report, begin)


def _identities(start: np.ndarray, video: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Video of each identity in use, and ``[n]`` place of each image's (or -1)."""
    present = np.flatnonzero(start >= 0)
    _, first, dense = np.unique(start[present], return_index=True, return_inverse=True)
    owner = video[present][first]
    wrong = np.flatnonzero(owner[dense] != video[present])
    if len(wrong):
        at = present[wrong[0]]
        raise ValueError(
            f'identity {start[at]} of start lies in two videos, '
            f'{owner[dense[wrong[0]]]} and {video[at]}: the global scope begins with '
            'identities of one video each.'
        )
    place = np.full(len(start), -1, np.int64)
    place[present] = dense
    return owner, place


def _merge(
    embedding: np.ndarray,
    usable: np.ndarray,
    place: np.ndarray,
    owner: np.ndarray,
    video: np.ndarray,
    frame: np.ndarray,
    rule: GlobalRule,
    report: RelabelReport,
) -> np.ndarray:
    """``[len(owner)]`` cluster of each identity; fills in the report."""
    cluster = np.arange(len(owner))
    if not usable.any():
        report.refused = 'no image has a valid embedding'
        return cluster
    c = identity_centroids(embedding, usable, place, rule.shrinkage)
    own_video = np.unique(owner[c.identities], return_inverse=True)[1]
    count = len(c.identities)
    # twice as many, as some lie in the same video and do not count
    near, similarity = knn_graph(
        c.vectors, 2 * rule.neighbours, rule.index,
        device=rule.device, probes=rule.probes, seed=rule.seed,
    )  # fmt: skip
    far = (near >= 0) & (own_video[near] != own_video[:, None])
    levels = stranger_levels(similarity, far, tail_depth(count, rule.neighbours))
    pairs, score = _candidates(near, similarity, far, own_video, rule)
    if levels.scale <= 0 or len(pairs) == 0:
        report.refused = 'too few identities of different videos to tell strangers'
        return cluster
    # an identity's own thirds must pass where one stranger is expected
    positive = np.einsum('ij,ij->i', c.first_third, c.last_third)
    found = float((positive >= levels.anchor[c.long]).mean()) if len(c.long) else 0.0
    if found < rule.separated:
        report.refused = (
            f'{found:.1%} of identities resemble themselves over time more than they '
            f'resemble strangers, fewer than separated={rule.separated:.1%}: the '
            'embeddings do not tell people apart across videos'
        )
        return cluster
    limit = least_evidence(log_expected(levels, pairs, score), count, rule.false_share)
    if not np.isfinite(limit):
        return cluster
    level = levels.anchor - levels.scale * limit
    report.threshold = float(np.nanmean(level))
    # only those with an edge that passes can merge
    passing = score >= level[pairs].mean(1)
    some, ends = np.unique(pairs[passing], return_inverse=True)
    local = np.full(len(owner), -1)
    local[c.identities[some]] = np.arange(len(some))
    tree = link(
        c.vectors[some],
        level[some],
        ends.reshape(-1, 2),
        shared_frames(np.where(place >= 0, local[place], -1), video, frame, len(some)),
        rivals=own_video[some] if rule.distinct else None,
    )
    report.vetoes = tree.vetoes
    report.merges = report.across = len(tree.height)
    cluster[c.identities[some]] = c.identities[some][tree.cluster]
    return cluster


def _candidates(
    near: np.ndarray,
    similarity: np.ndarray,
    far: np.ndarray,
    video: np.ndarray,
    rule: GlobalRule,
) -> tuple[np.ndarray, np.ndarray]:
    """``[E, 2]`` pairs ``i < j`` of different videos and their similarities.

    Where identities of a video are distinct, only pairs in which each is the other's
    best match in its video.
    """
    i, column = np.nonzero(far)
    j, score = near[i, column], similarity[i, column]
    width = np.int64(len(video))
    if rule.distinct:
        # rows are in order of falling similarity: the first of a video is its best
        _, best = np.unique(i * (video.max() + 1) + video[j], return_index=True)
        i, j, score = i[best], j[best], score[best]
        mutual = np.isin(i * width + j, j * width + i)
        i, j, score = i[mutual], j[mutual], score[mutual]
    keys = np.minimum(i, j) * width + np.maximum(i, j)
    keys, first = np.unique(keys, return_index=True)
    return np.stack([keys // width, keys % width], 1), score[first]
