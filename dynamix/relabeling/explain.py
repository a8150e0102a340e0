"""What a relabeling did in one video, person by person."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import cophenet, leaves_list, linkage
from scipy.spatial.distance import squareform

from .grouping import numbered, rows_of_groups
from .report import Relabeling, VideoDecisions


class TrackletPart(NamedTuple):
    """Images of one tracklet that have one label.

    Args:
        rows (np.ndarray): ``[m]`` positions of the images, ascending.
        tracklet (int): Theirs.
        split (bool): Whether other images of the tracklet have another label.
        joined_at (float, optional): Mean similarity at which this part and the one
            before it came together; None: it is the first, or not known.
        stray (bool): Whether the images did not fit their tracklet and were given to
            this person one by one, or no image of the tracklet has an embedding.
    """

    rows: np.ndarray
    tracklet: int
    split: bool
    joined_at: float | None = None
    stray: bool = False


class Person(NamedTuple):
    """One label of a video.

    Args:
        label (int): The label; -1: what was dropped.
        parts (list[TrackletPart]): In the order of the tree of joins, so that the
            ``joined_at`` of all but the first are all joins of the person.
        nearest (int): Label of the most similar person that this one may be joined
            with; -1: there is none, or it is not known.
        nearest_similarity (float): Mean similarity to that person, below the
            threshold; not a number if there is none.
    """

    label: int
    parts: list[TrackletPart]
    nearest: int = -1
    nearest_similarity: float = float('nan')


class VideoExplanation(NamedTuple):
    """What a relabeling did in one video.

    Args:
        people (list[Person]): Those of most parts first; what was dropped, if
            anything was, is the last.
        threshold (float): Mean similarity from which parts were joined; infinite:
            none were; not a number: not known.
    """

    people: list[Person]
    threshold: float


def explain(
    relabeling: Relabeling, video: np.ndarray, tracklet: np.ndarray, which: int
) -> VideoExplanation:
    """Lists the people of one video: what was joined, split off and dropped, and why.

    Args:
        relabeling (Relabeling): Without decisions, no similarities are known.
        video (np.ndarray): ``[n]`` integers, as they were given to the relabeling.
        tracklet (np.ndarray): ``[n]`` integers, likewise.
        which (int): The video.

    Returns:
        VideoExplanation: The people of the video.
    """
    rows = np.flatnonzero(video == which)
    label, tracklet = relabeling.label[rows], tracklet[rows]
    decisions, part = _decisions_of(relabeling, rows)
    # strays that came back are shown with their tracklet
    kept = np.flatnonzero(part >= 0).tolist()
    part_of = {(tracklet[k], label[k]): part[k] for k in kept}
    for k in np.flatnonzero((part < 0) & (label >= 0)).tolist():
        part[k] = part_of.get((tracklet[k], label[k]), -1)
    first, number = numbered(label, part, tracklet)
    pairs = np.unique(np.stack([tracklet, label]), axis=1)[0]
    people: dict[int, list[tuple[int, TrackletPart]]] = {}
    for at, group in zip(first.tolist(), rows_of_groups(number, len(first))):
        found = TrackletPart(
            rows[group],
            int(tracklet[at]),
            split=bool(np.count_nonzero(pairs == tracklet[at]) > 1),
            stray=bool(decisions is not None and part[at] < 0 <= label[at]),
        )
        people.setdefault(int(label[at]), []).append((int(part[at]), found))
    dropped = [Person(-1, [p for _, p in people.pop(-1)])] if -1 in people else []
    if decisions is None:
        known = [Person(name, [p for _, p in own]) for name, own in people.items()]
    else:
        known = _with_decisions(people, decisions)
    known.sort(key=lambda one: (-len(one.parts), one.label))
    threshold = float('nan') if decisions is None else decisions.threshold
    return VideoExplanation(known + dropped, threshold)


def _decisions_of(
    relabeling: Relabeling, rows: np.ndarray
) -> tuple[VideoDecisions | None, np.ndarray]:
    """Decisions of the video that has some rows, and the part of each of these."""
    none = np.full(len(rows), -1)
    if relabeling.decisions is None:
        return None, none
    part = relabeling.decisions.part[rows]
    for found in relabeling.decisions.videos:
        if np.isin(found.part, part).any():
            return found, part
    return None, none


def _with_decisions(
    people: dict[int, list[tuple[int, TrackletPart]]], decisions: VideoDecisions
) -> list[Person]:
    """People with their joins in order and the nearest person of each."""
    names = sorted(people)
    owner = {part: i for i, name in enumerate(names) for part, _ in people[name]}
    person = np.array([owner[part] for part in decisions.part.tolist()])
    member = np.eye(len(names))[person]
    size = np.maximum(member.sum(0), 1)
    mean = member.T @ decisions.similarity @ member / np.outer(size, size)
    mean[member.T @ decisions.forbidden @ member > 0] = -np.inf
    mean[:, member.sum(0) == 0] = -np.inf
    np.fill_diagonal(mean, -np.inf)
    found = []
    for i, name in enumerate(names):
        mine = np.flatnonzero(person == i)
        own = dict(people[name])
        parts = [
            own[int(decisions.part[mine[k]])]._replace(joined_at=similarity)
            for k, similarity in _joins(decisions.similarity[np.ix_(mine, mine)])
        ]
        parts += [p for part, p in people[name] if part < 0]
        nearest = int(mean[i].argmax())
        if np.isfinite(mean[i, nearest]):
            one = Person(name, parts, names[nearest], float(mean[i, nearest]))
        else:
            one = Person(name, parts)
        found.append(one)
    return found


def _joins(similarity: np.ndarray) -> list[tuple[int, float | None]]:
    """Members of a cluster in order, and what joined each to the one before it."""
    if len(similarity) < 2:
        return [(k, None) for k in range(len(similarity))]
    top = float(similarity.max())
    distance = top - similarity.astype(np.float64)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), 'average')
    order = leaves_list(tree)
    together = top - squareform(cophenet(tree))
    return [*zip(order.tolist(), [None, *together[order[:-1], order[1:]].tolist()])]
