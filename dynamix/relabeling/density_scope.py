"""Identities within videos for data that has no tracklets."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from dynamix.structures import DROPPED

from .columns import healthy_rows
from .density_level import stranger_level
from .density_rule import DensityRule
from .exchange import Exchange
from .guard import Relabeling, conclude
from .numbering import keep_numbers
from .over_ranks import check_split, gather_sample
from .relabel_report import RelabelReport
from .tracked_images import TrackedImages, current_identities
from .video_dbscan import NOISE, video_dbscan
from .video_split import VideoSplit

UNSEEN = -2


def relabel_by_density(
    embedding: np.ndarray,
    video: np.ndarray,
    *,
    valid: np.ndarray | None = None,
    current: np.ndarray | None = None,
    rule: DensityRule | None = None,
    first_identity: int = 0,
    num_identities: int | None = None,
) -> Relabeling:
    """Groups the images of each video by DBSCAN (as ReMix; calibration ours).

    Needs no tracklets. Images in no cluster are dropped. An image without a valid
    embedding goes where most images of its present identity go, or stays what it is.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision, not necessarily of
            unit length.
        video (np.ndarray): ``[n]`` integers.
        valid (np.ndarray, optional): ``[n]`` bool: which embeddings may vote. NaN, Inf
            and zero rows never do. Defaults to None: all others.
        current (np.ndarray, optional): ``[n]`` identities now, which give the numbers;
            -1: dropped. Defaults to None: each image is one.
        rule (DensityRule, optional): Defaults to ``DensityRule()``.
        first_identity (int): First number of the single-camera range. Defaults to 0.
        num_identities (int, optional): Size of the identity space now. Defaults to
            None: one more than the largest in use.

    Returns:
        Relabeling: The labels and the report; its ``threshold`` is ``1 - eps``.

    Raises:
        ValueError: If shapes do not fit.
        TypeError: If videos or identities are no integers.
    """
    images = TrackedImages.of(embedding, video, valid=valid)
    return relabel_by_density_over_ranks(
        images,
        VideoSplit(images.video),
        current_identities(current, np.arange(len(images)), first_identity),
        rule or DensityRule(),
        first_identity=first_identity,
        num_identities=num_identities,
    )


def relabel_by_density_over_ranks(
    images: TrackedImages,
    split: VideoSplit,
    current: np.ndarray,
    rule: DensityRule,
    *,
    first_identity: int = 0,
    num_identities: int | None = None,
) -> Relabeling:
    """:func:`relabel_by_density`, where each rank has the images of some of the videos.

    A sample of all videos goes to rank 0, which finds ``eps`` for all; each rank
    clusters its own videos, block by block; one exchange tells all ranks the clusters
    of all images, and what follows takes integers only. So all ranks get the same
    labels, to the last one those of one process that has all images.

    Memory, beside the images of this rank: a few integers for each image of all
    ranks, what :func:`video_dbscan` needs for a block, and on rank 0 the sample.

    Args:
        images (TrackedImages): ``[m]`` the images of this rank, ``split.rows``;
            tracklets and frames do not matter.
        split (VideoSplit): Which these are. If there are several ranks, all of them
            must call this.
        current (np.ndarray): ``[n]`` identities now of the images of all ranks; -1:
            dropped.
        rule (DensityRule): The rule.
        first_identity (int): First number of the single-camera range. Defaults to 0.
        num_identities (int, optional): Size of the identity space now; numbers from
            here on are new. Defaults to None: one more than the largest in use.

    Returns:
        Relabeling: ``[n]`` labels of the images of all ranks, and the report.

    Raises:
        ValueError: If lengths do not fit.
        RuntimeError: If another rank fails or is lost.
    """
    begin = time.perf_counter()
    check_split(images, split, current)
    exchange = Exchange(split.count)
    usable = images.valid & healthy_rows(images.embedding)
    # all of them: gather_sample takes images of tracklets
    images = replace(images, valid=usable, tracklet=np.zeros(len(images), np.int64))
    report = RelabelReport(images=split.num_images, videos=split.num_videos)
    counts = exchange.add_up([int(usable.sum())], 'the count of embeddings')
    report.embeddings = int(counts[0])
    level = -np.inf
    if rule.eps is not None:
        level = 1 - rule.eps
    elif report.embeddings:
        sample = gather_sample(images, split, rule.seed, exchange)
        level = exchange.from_main(
            lambda: stranger_level(
                sample.embedding,
                np.arange(len(sample)),
                sample.video,
                rule.false_rate,
                rule.seed,
            ),
            'the search for eps',
        )
    identity = current.astype(np.int32)
    if not np.isfinite(level):
        report.refused = (
            'eps cannot be found without images of several videos: set it in the rule'
        )
        return conclude(identity, current, rule, report, begin)
    report.threshold = level
    cluster = exchange.collect(
        exchange.together(
            lambda: cluster_blocks(images, split, 1 - level, rule),
            'the clustering of videos',
        ),
        split.rows,
        split.num_images,
        'the exchange of clusters',
    )
    rows = np.flatnonzero(cluster != UNSEEN)
    noise = float(np.mean(cluster[rows] == NOISE)) if len(rows) else 0.0
    if noise > rule.max_noise:
        report.refused = (
            f'{noise:.1%} of the images belong to no cluster, more than '
            f'max_noise={rule.max_noise:.1%}'
        )
    else:
        identity = keep_numbers(
            _everybody(cluster[rows], rows, current),
            current,
            first_identity,
            num_identities,
        )
    return conclude(identity, current, rule, report, begin)


def cluster_blocks(
    images: TrackedImages, split: VideoSplit, eps: float, rule: DensityRule
) -> np.ndarray:
    """Clusters the videos of this rank, a block at a time.

    Args:
        images (TrackedImages): ``[m]`` the images of this rank; ``valid`` ones are
            looked at.
        split (VideoSplit): Which these are.
        eps (float): Largest cosine distance of neighbours, the same on all ranks.
        rule (DensityRule): The rule.

    Returns:
        np.ndarray: ``[m]`` int64 cluster of each image, named after the first of its
        images, in ``0..n-1``; -1: noise; -2: not looked at.
    """
    result = np.full(len(images), UNSEEN, np.int64)
    names = split.rows
    for block in split.blocks:
        part = images.take(block)
        rows = np.flatnonzero(part.valid)
        cluster = video_dbscan(
            part.embedding, rows, part.video[rows], eps, rule.min_samples, rule.device
        )
        _, first, dense = np.unique(cluster, return_index=True, return_inverse=True)
        inside = np.full(len(part), UNSEEN, np.int64)
        inside[rows] = np.where(
            cluster == NOISE, NOISE, names[block][rows][first][dense]
        )
        result[block] = inside
    return result


def _everybody(
    cluster: np.ndarray, rows: np.ndarray, current: np.ndarray
) -> np.ndarray:
    """``[n]`` components: clusters, and the rest by their present identity."""
    component = np.full(len(current), DROPPED, np.int64)
    component[rows] = cluster
    other = np.ones(len(current), bool)
    other[rows] = False
    other &= current >= 0
    # by default a component of its own
    clusters = int(cluster.max(initial=-1)) + 1
    home = clusters + np.arange(int(current.max(initial=-1)) + 1)
    both = (cluster >= 0) & (current[rows] >= 0)
    width = np.int64(max(clusters, 1))
    pair, overlap = np.unique(
        current[rows][both] * width + cluster[both], return_counts=True
    )
    # written in order of rising overlap, the largest (then the lowest cluster) stays
    order = np.lexsort((-(pair % width), overlap))
    home[pair[order] // width] = pair[order] % width
    component[other] = home[current[other]]
    return component
