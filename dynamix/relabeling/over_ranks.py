from __future__ import annotations

import time

import numpy as np

from .block_threads import map_blocks
from .calibration import Calibration, calibrate
from .exchange import Exchange
from .guard import Relabeling, conclude
from .numbering import keep_numbers
from .regrouping import regroup
from .relabel_report import RelabelReport
from .relabel_rule import RelabelRule
from .tracked_images import TrackedImages
from .video_blocks import sample_rows, sample_videos
from .video_split import VideoSplit


def relabel_over_ranks(
    images: TrackedImages,
    split: VideoSplit,
    current: np.ndarray,
    rule: RelabelRule,
    *,
    first_identity: int = 0,
    num_identities: int | None = None,
) -> Relabeling:
    """Relabels, where each rank has the images of some of the videos.

    In four steps: a sample of all videos goes to rank 0, which calibrates for all
    (:func:`calibrate`); each rank decides its own videos (:func:`regroup`); one
    exchange tells all ranks the components of all images, which each of them numbers
    (:func:`keep_numbers`); and a guard looks at it (:func:`conclude`). The last two
    take integers only. So all ranks get the same labels, to the last one those of one
    process that has all images.

    Memory, beside the images of this rank: a few integers for each image of all
    ranks, a block of videos for each thread, and on rank 0 the sample.

    Args:
        images (TrackedImages): ``[m]`` the images of this rank, ``split.rows``.
        split (VideoSplit): Which these are. If there are several ranks, all of them
            must call this.
        current (np.ndarray): ``[n]`` identities now of the images of all ranks; -1:
            dropped.
        rule (RelabelRule): The rule.
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
    component, report = group_over_ranks(images, split, rule)
    identity = keep_numbers(component, current, first_identity, num_identities)
    return conclude(identity, current, rule, report, begin)


def group_over_ranks(
    images: TrackedImages, split: VideoSplit, rule: RelabelRule
) -> tuple[np.ndarray, RelabelReport]:
    """The first two steps of :func:`relabel_over_ranks`, which need no labels of now.

    Args:
        images (TrackedImages): ``[m]`` the images of this rank.
        split (VideoSplit): Which these are.
        rule (RelabelRule): The rule.

    Returns:
        tuple[np.ndarray, RelabelReport]: ``[n]`` int64 component of the images of all
        ranks, those of different videos different; -1: dropped. The report so far.
    """
    exchange = Exchange(split.count)
    sample = gather_sample(images, split, rule.seed, exchange)
    calibration = exchange.from_main(lambda: calibrate(sample, rule), 'calibration')
    report = RelabelReport(
        images=split.num_images,
        videos=split.num_videos,
        threshold=calibration.merging.similarity,
    )
    component, counts = exchange.together(
        lambda: regroup_blocks(images, split, calibration, rule),
        'the relabeling of videos',
    )
    report.add(*exchange.add_up(counts, 'the exchange of counts').tolist())
    component = exchange.collect(
        component, split.rows, split.num_images, 'the exchange of labels'
    )
    return component, report


def check_split(images: TrackedImages, split: VideoSplit, current: np.ndarray) -> None:
    """Raises a ValueError if images or labels are not those of a split."""
    for name, found, expected in (
        ('current', current.shape, (split.num_images,)),
        ('the images of this rank', images.valid.shape, (len(split),)),
    ):
        if found != expected:
            raise ValueError(f'{name} must have shape {expected}, but got {found}.')


def gather_sample(
    images: TrackedImages, split: VideoSplit, seed: int, exchange: Exchange
) -> TrackedImages:
    """Takes the images that calibrate to rank 0, from wherever they are.

    Args:
        images (TrackedImages): ``[m]`` the images of this rank.
        split (VideoSplit): Which these are.
        seed (int): Draws the videos.
        exchange (Exchange): The ranks.

    Returns:
        TrackedImages: The sample, sorted by video, on rank 0; nothing elsewhere.
    """
    voters = images.valid & (images.tracklet >= 0)
    count = np.bincount(split.number[voters], minlength=split.num_videos)
    taken = sample_videos(exchange.add_up(count, 'the choice of a sample'), seed)
    rows = sample_rows(split.number, voters, taken)
    # Of a video, all are here or none.
    number = split.number[rows]
    first = np.searchsorted(number, number)
    place = (np.cumsum(taken) - taken)[number] + np.arange(len(rows)) - first
    chosen = exchange.together(lambda: images.take(rows), 'reading the sample')
    columns = np.stack([chosen.video, chosen.tracklet, chosen.frame], 1)
    parts = [
        exchange.collect(part, place, int(taken.sum()), 'the sample', main_only=True)
        for part in (chosen.embedding[:], columns.astype(np.int64))
    ]
    embedding, (video, tracklet, frame) = parts[0], parts[1].T
    return TrackedImages(embedding, np.ones(len(video), bool), video, tracklet, frame)


def regroup_blocks(
    images: TrackedImages,
    split: VideoSplit,
    calibration: Calibration,
    rule: RelabelRule,
) -> tuple[np.ndarray, np.ndarray]:
    """Decides the videos of this rank, block by block.

    Args:
        images (TrackedImages): ``[m]`` the images of this rank.
        split (VideoSplit): Which these are.
        calibration (Calibration): The same on all ranks.
        rule (RelabelRule): The rule.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``[m]`` int64 component of each image; counts
        for :meth:`RelabelReport.add`.
    """
    component = np.empty(len(images), np.int64)
    counts = np.zeros(6, np.int64)
    regrouped = map_blocks(
        lambda rows: regroup(images.take(rows), calibration, rule),
        split.blocks,
    )
    for rows, found in zip(split.blocks, regrouped):
        component[rows] = found.component
        counts += found[1:]
    return component, counts
