"""Identities within videos for data that has no tracklets."""

from __future__ import annotations

import time

import numpy as np

from .columns import check_columns, healthy_rows
from .density_rule import DensityRule
from .finishing import finish
from .numbering import DROPPED, keep_numbers
from .relabel import Relabeling
from .relabel_report import RelabelReport
from .segments import unit
from .video_dbscan import video_dbscan

NUM_SAMPLES = 1448
NUM_MATES = 1 << 16


def relabel_by_density(
    embedding: np.ndarray,
    valid: np.ndarray,
    video: np.ndarray,
    current: np.ndarray,
    rule: DensityRule | None = None,
    *,
    first_identity: int = 0,
    num_identities: int | None = None,
    taken: np.ndarray | None = None,
) -> Relabeling:
    """Groups the images of each video by DBSCAN (as ReMix; calibration ours).

    Needs no tracklets. Images in no cluster are dropped. An image without a valid
    embedding goes where most images of its present identity go, or stays what it is.

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision, not necessarily of
            unit length.
        valid (np.ndarray): ``[n]`` bool: which embeddings may vote. NaN, Inf and zero
            rows never do.
        video (np.ndarray): ``[n]`` integers.
        current (np.ndarray): ``[n]`` identities now, which give the numbers; -1:
            dropped.
        rule (DensityRule, optional): Defaults to ``DensityRule()``.
        first_identity (int): First number of the single-camera range. Defaults to 0.
        num_identities (int, optional): Size of the identity space now. Defaults to
            None: one more than the largest in use.
        taken (np.ndarray, optional): Numbers that images outside this call hold.

    Returns:
        Relabeling: The labels and the report; its ``threshold`` is ``1 - eps``.

    Raises:
        ValueError: If shapes do not fit.
    """
    begin = time.perf_counter()
    rule = rule or DensityRule()
    embedding, valid, video, current = (
        np.asarray(x) for x in (embedding, valid, video, current)
    )
    check_columns(len(embedding), valid=valid, video=video, current=current)
    if num_identities is None:
        num_identities = int(max(current.max(initial=-1), first_identity - 1)) + 1
    report = RelabelReport(images=len(video), videos=len(np.unique(video)))
    rows = np.flatnonzero(valid.astype(bool) & healthy_rows(embedding))
    report.embeddings = len(rows)
    level = -np.inf
    if rule.eps is not None:
        level = 1 - rule.eps
    elif len(rows):
        level = stranger_level(embedding, rows, video[rows], rule.false_rate, rule.seed)
    identity = current.astype(np.int32)
    if not np.isfinite(level):
        report.refused = (
            'eps cannot be found without images of several videos: set it in the rule'
        )
        return finish(identity, current, rule.max_changed, rule.insist, report, begin)
    report.threshold = level
    cluster = video_dbscan(
        embedding, rows, video[rows], 1 - level, rule.min_samples, rule.device
    )
    noise = float(np.mean(cluster == DROPPED)) if len(rows) else 0.0
    if noise > rule.max_noise:
        report.refused = (
            f'{noise:.1%} of the images belong to no cluster, more than '
            f'max_noise={rule.max_noise:.1%}'
        )
    else:
        identity = keep_numbers(
            _everybody(cluster, rows, current),
            current,
            first_identity,
            num_identities,
            taken,
        )
    return finish(identity, current, rule.max_changed, rule.insist, report, begin)


def stranger_level(
    embedding: np.ndarray,
    rows: np.ndarray,
    video: np.ndarray,
    false_rate: float,
    seed: int,
) -> float:
    """The similarity that a given share of strangers of one video reach.

    Images of different videos show different people, nearly all. People of one video
    share light and background and are more alike: the scores of the former are moved,
    and if need be stretched, to agree with the lower half of the scores within videos,
    where nearly all pairs are strangers too (an empirical null).

    Args:
        embedding (np.ndarray): ``[n, D]`` floats of any precision and length.
        rows (np.ndarray): ``[m]`` the rows to look at, finite and not zero.
        video (np.ndarray): ``[m]`` video of each.
        false_rate (float): The share.
        seed (int): Draws the pairs.

    Returns:
        float: The similarity, at most 1; minus infinity if there is a single video.
    """
    rng = np.random.default_rng(seed)

    def take(places: np.ndarray) -> np.ndarray:
        return unit(embedding[rows[places]].astype(np.float32))

    draw = rng.permutation(len(rows))[: 2 * NUM_SAMPLES]
    first, second = np.array_split(draw, 2)
    apart = video[first][:, None] != video[second][None]
    negatives = (take(first) @ take(second).T)[apart]
    if len(negatives) == 0:
        return -np.inf
    level = float(np.quantile(negatives, 1 - false_rate))
    order = np.argsort(video, kind='stable')
    ordered = video[order]
    begin = np.searchsorted(ordered, ordered)
    size = np.searchsorted(ordered, ordered, 'right') - begin
    shared = np.flatnonzero(size > 1)
    if len(shared) == 0:
        return min(level, 1.0)
    place = rng.choice(shared, NUM_MATES)
    mate = begin[place] + (rng.random(NUM_MATES) * (size[place] - 1)).astype(np.int64)
    mate += mate >= place
    near = np.empty(NUM_MATES, np.float32)
    for start in range(0, NUM_MATES, 8192):
        part = slice(start, start + 8192)
        a, b = take(order[place[part]]), take(order[mate[part]])
        near[part] = np.einsum('ij,ij->i', a, b)
    low, middle = np.quantile(near, [0.1, 0.4])
    far_low, far_middle = np.quantile(negatives, [0.1, 0.4])
    stretch = max(1.0, (middle - low) / max(far_middle - far_low, 1e-9))
    return float(min(middle + stretch * (level - far_middle), 1.0))


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
