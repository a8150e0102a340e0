from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass
class RelabelReport:
    """What a relabeling saw and did.

    Args:
        images (int): Images given.
        embedded (int): Those with a usable embedding: finite and not zero.
        videos (int): Videos given.
        tracklets (int): Tracklets given.
        merges (int): Joins of two groups of images.
        splits (int): Tracklets whose images were divided into several groups.
        drops (int): Images dropped.
        vetoes (int): Cannot-link pairs that are similar enough to merge.
        threshold (float): Cosine similarity from which groups merge, median over the
            videos in which some could; infinite if there is none.
        seconds (float): Time taken.
    """

    images: int = 0
    embedded: int = 0
    videos: int = 0
    tracklets: int = 0
    merges: int = 0
    splits: int = 0
    drops: int = 0
    vetoes: int = 0
    threshold: float = float('inf')
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f'{self.images} images ({self.embedded} embedded) of {self.tracklets} '
            f'tracklets in {self.videos} videos: {self.merges} merges, '
            f'{self.splits} splits, {self.drops} drops, {self.vetoes} vetoes, '
            f'threshold {self.threshold:.3f}, {self.seconds:.2f} s'
        )


class VideoDecisions(NamedTuple):
    """What decided which parts of the tracklets of one video were joined.

    Args:
        part (np.ndarray): ``[k]`` their numbers.
        similarity (np.ndarray): ``[k, k]`` symmetric, cosines of mean embeddings.
        forbidden (np.ndarray): ``[k, k]`` bool, symmetric: pairs that exist at the
            same time.
        threshold (float): Mean similarity from which clusters of parts were joined;
            infinite: none were.
    """

    part: np.ndarray
    similarity: np.ndarray
    forbidden: np.ndarray
    threshold: float


class Decisions(NamedTuple):
    """Similarities and thresholds that labels follow from.

    Args:
        part (np.ndarray): ``[n]`` part of a tracklet that each image belongs to; -1:
            none, its label comes from elsewhere.
        videos (list[VideoDecisions]): One a video.
    """

    part: np.ndarray
    videos: list[VideoDecisions]


class Relabeling(NamedTuple):
    """Repaired labels.

    Args:
        label (np.ndarray): ``[n]`` int64 group of each image, numbered from 0 in order
            of first appearance; every group lies in one video; -1: dropped.
        report (RelabelReport): What was done.
        decisions (Decisions, optional): What the labels follow from; None: not known.
    """

    label: np.ndarray
    report: RelabelReport
    decisions: Decisions | None = None
