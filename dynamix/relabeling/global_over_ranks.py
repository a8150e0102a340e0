from __future__ import annotations

import time

import numpy as np

from .exchange import Exchange
from .global_rule import GlobalRule
from .global_scope import relabel_globally
from .guard import Relabeling
from .over_ranks import check_split, group_over_ranks
from .relabel_rule import RelabelRule
from .tracked_images import TrackedImages
from .video_split import VideoSplit


def relabel_globally_over_ranks(
    images: TrackedImages,
    split: VideoSplit,
    current: np.ndarray,
    rule: GlobalRule,
    *,
    video_rule: RelabelRule | None = None,
    first_identity: int = 0,
    num_identities: int | None = None,
) -> Relabeling:
    """Relabels within videos, then merges the identities of different videos.

    The first step is that of :func:`relabel_over_ranks`: it starts from the tracklets
    each time, and each rank decides its own videos. For the second,
    :func:`relabel_globally`, all embeddings go to rank 0, which decides for all. So
    all ranks get the same labels, to the last one those of one process that has all
    images.

    Memory, beside that of :func:`relabel_over_ranks`: on rank 0, of several, a copy
    of the embeddings of all ranks, ``n * D`` values of the bank's type (1 GB for a
    million images of 512 values in float16); elsewhere nothing. Time: the other ranks
    wait for rank 0, so the process group's timeout must cover it.

    Args:
        images (TrackedImages): ``[m]`` the images of this rank, ``split.rows``.
        split (VideoSplit): Which these are. If there are several ranks, all of them
            must call this.
        current (np.ndarray): ``[n]`` identities now of the images of all ranks; -1:
            dropped. One may lie in several videos.
        rule (GlobalRule): How identities of different videos merge; its guard is that
            of both steps.
        video_rule (RelabelRule, optional): How to relabel within videos, its guard
            aside. Defaults to ``RelabelRule()``.
        first_identity (int): First number of the single-camera range. Defaults to 0.
        num_identities (int, optional): Size of the identity space now; numbers from
            here on are new. Defaults to None: one more than the largest in use.

    Returns:
        Relabeling: ``[n]`` labels of the images of all ranks, and the report of both
        steps. Where the second refuses, the labels are those of the first.

    Raises:
        ValueError: If lengths do not fit.
        ImportError: If Faiss is needed and absent.
        RuntimeError: If another rank fails or is lost.
    """
    begin = time.perf_counter()
    check_split(images, split, current)
    start, within = group_over_ranks(images, split, video_rule or RelabelRule())
    exchange = Exchange(split.count)
    everyone = gather_images(images, split, exchange)
    identity, report = exchange.from_main(
        lambda: relabel_globally(
            everyone.embedding,
            everyone.video,
            start,
            frame=everyone.frame,
            valid=everyone.valid,
            current=current,
            rule=rule,
            first_identity=first_identity,
            num_identities=num_identities,
        ),
        'the merging of identities of different videos',
    )
    report.tracklets = 0
    report.add(
        within.tracklets, 0, within.splits, within.merges, within.moves, within.vetoes
    )
    report.seconds = time.perf_counter() - begin
    return Relabeling(identity, report)


def gather_images(
    images: TrackedImages, split: VideoSplit, exchange: Exchange
) -> TrackedImages:
    """Takes all images to rank 0.

    Args:
        images (TrackedImages): ``[m]`` the images of this rank.
        split (VideoSplit): Which these are.
        exchange (Exchange): The ranks.

    Returns:
        TrackedImages: ``[n]`` the images of all on rank 0, without a copy if it is the
        only one; none elsewhere.
    """
    if split.count == 1:
        return images
    embedding, *columns = (
        exchange.collect(part, split.rows, split.num_images, what, main_only=True)
        for what, part in (
            ('the exchange of embeddings', images.embedding[:]),
            ('the exchange of valid', images.valid),
            ('the exchange of videos', images.video),
            ('the exchange of tracklets', images.tracklet),
            ('the exchange of frames', images.frame),
        )
    )
    return TrackedImages(embedding, *columns)
