from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from .calibration import merge_candidates, negative_scores, neighbours_null
from .linkage import link, shared_frames
from .numbering import DROPPED, keep_numbers
from .purify import purify, purity_level
from .relabel_report import RelabelReport
from .relabel_rule import RelabelRule
from .segments import unit_sums
from .space import WhitenedSpace


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
    embedding, video = np.asarray(embedding), np.asarray(video)
    tracklet, frame, current = (np.asarray(x) for x in (tracklet, frame, current))
    n = len(embedding)
    for name, column in (
        ('valid', np.asarray(valid)),
        ('video', video),
        ('tracklet', tracklet),
        ('frame', frame),
        ('current', current),
    ):
        if column.shape != (n,):
            raise ValueError(
                f'{name} must have shape ({n},), as there are {n} embeddings, but has '
                f'{column.shape}.'
            )
    if num_identities is None:
        num_identities = int(max(current.max(initial=-1), first_identity - 1)) + 1
    report = RelabelReport(images=n, videos=len(np.unique(video)))
    piece, piece_video = _tracklets(tracklet, video)
    report.tracklets = len(piece_video)
    report.identities_before = len(np.unique(current[current >= 0]))
    usable = np.asarray(valid, bool) & (piece >= 0) & _healthy(embedding)
    report.embeddings = int(usable.sum())

    component = _components(
        embedding, usable, piece, piece_video, video, frame, rule, report
    )
    identity = keep_numbers(component, current, first_identity, num_identities, taken)
    report.changed = float(np.mean(identity != current)) if n else 0.0
    if report.changed > rule.max_changed and not rule.insist:
        report.refused = (
            f'{report.changed:.1%} of the labels would change at once, more than '
            f'max_changed={rule.max_changed:.1%}'
        )
        identity = current.astype(np.int32)
    report.drops = int(((identity == DROPPED) & (current != DROPPED)).sum())
    report.revived = int(((identity != DROPPED) & (current == DROPPED)).sum())
    report.identities_after = len(np.unique(identity[identity >= 0]))
    report.seconds = time.perf_counter() - begin
    return Relabeling(identity, report)


def _tracklets(
    tracklet: np.ndarray, video: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Dense tracklet numbers, sorted by video, and the video of each."""
    piece = np.full(len(tracklet), -1, np.int64)
    present = np.flatnonzero(tracklet >= 0)
    names, first, dense = np.unique(
        tracklet[present], return_index=True, return_inverse=True
    )
    video_of = video[present][first]
    wrong = np.flatnonzero(video_of[dense] != video[present])
    if len(wrong):
        raise ValueError(
            f'tracklet {tracklet[present[wrong[0]]]} lies in two videos, '
            f'{video_of[dense[wrong[0]]]} and {video[present[wrong[0]]]}: tracklet '
            'numbers must be unique over all videos.'
        )
    order = np.lexsort((names, video_of))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    piece[present] = rank[dense]
    return piece, video_of[order]


def _healthy(embedding: np.ndarray) -> np.ndarray:
    """Rows that are finite and not zero."""
    result = np.empty(len(embedding), bool)
    for start in range(0, len(embedding), 65536):
        part = embedding[start : start + 65536].astype(np.float32)
        square = np.einsum('ij,ij->i', part, part)
        result[start : start + len(part)] = np.isfinite(square) & (square > 0)
    return result


def _components(
    embedding: np.ndarray,
    usable: np.ndarray,
    piece: np.ndarray,
    piece_video: np.ndarray,
    video: np.ndarray,
    frame: np.ndarray,
    rule: RelabelRule,
    report: RelabelReport,
) -> np.ndarray:
    """``[n]`` component of each image, -1 dropped; fills in the report."""
    rows = np.flatnonzero(usable)
    if len(rows) == 0:
        return piece
    rows = rows[np.argsort(piece[rows], kind='stable')]
    numbers, group = np.unique(piece[rows], return_inverse=True)
    space = WhitenedSpace(embedding, rows, group, rule.shrinkage)
    level = -np.inf
    if rule.split or rule.drop:
        level = purity_level(
            embedding, rows, group, piece_video[numbers], space,
            rule.error_share, rule.seed,
        )  # fmt: skip
    part = np.zeros(len(rows), np.int8)
    if level > -np.inf:
        part = purify(embedding, rows, group, space, level, rule.min_images)
    if not rule.split:
        part[part == 1] = 0
    if not rule.drop:
        part[part == 2] = 0
    # tracklet t gives the pieces 2 t, its larger, and 2 t + 1
    size = np.stack(
        [np.bincount(group[part == k], minlength=len(numbers)) for k in (0, 1)]
    )
    report.splits = int((size[1] > 0).sum())
    second = (part == 1) ^ (size[1] > size[0])[group]
    component = piece * 2
    component[rows] += second
    component[piece < 0] = DROPPED
    component[rows[part == 2]] = DROPPED
    if not rule.merge:
        return component
    rows = rows[part < 2]
    rows = rows[np.argsort(component[rows], kind='stable')]
    names, group = np.unique(component[rows], return_inverse=True)
    space = WhitenedSpace(embedding, rows, group, rule.shrinkage, core=False)
    total = unit_sums(embedding, rows, group, len(names))
    vectors = space.project(total / np.bincount(group)[:, None])
    owner = piece_video[names // 2]
    negatives = negative_scores(vectors, owner, rule.seed)
    negatives = neighbours_null(negatives, vectors, owner, rule.seed)
    edges, report.threshold = merge_candidates(
        vectors, owner, negatives, rule.false_share, rule.false_rate
    )
    place = np.full(2 * len(piece_video), -1, np.int64)
    place[names] = np.arange(len(names))
    forbidden = shared_frames(
        np.where(component >= 0, place[component], -1), video, frame, len(names)
    )
    cluster, report.merges, report.vetoes = link(
        vectors, edges, report.threshold, forbidden
    )
    target = np.arange(2 * len(piece_video))
    target[names] = names[cluster]
    return np.where(component >= 0, target[component], DROPPED)
