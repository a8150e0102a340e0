"""Labels of people: how they are read, and what can be wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Label = int | str
JUNK = -1
JUNK_NAMES = ('00-1', 'junk')
DISTRACTOR_NAMES = ('distractor', 'distractors')


@dataclass(frozen=True)
class SplitCheck:
    """One split of an evaluation set.

    Attributes:
        queries (int): Number of queries.
        gallery (int): Number of gallery images.
        without_match (int): Queries whose person no *other camera* saw.
        without_image (int): Queries whose person is not in the gallery at all.
    """

    queries: int
    gallery: int
    without_match: int
    without_image: int


def check_split(
    identity: np.ndarray, camera: np.ndarray, query: np.ndarray, gallery: np.ndarray
) -> SplitCheck:
    """Counts the queries that cannot be answered; all arrays are ``[n]``."""
    people = np.unique(identity, return_inverse=True)[1]
    views = np.unique(np.stack([people, camera]), axis=1, return_inverse=True)[1]
    views = views.reshape(-1)
    by_person = np.bincount(people[gallery], minlength=len(people))
    by_view = np.bincount(views[gallery], minlength=len(people))
    same_person = by_person[people[query]]
    return SplitCheck(
        queries=int(query.sum()),
        gallery=int(gallery.sum()),
        without_match=int((same_person == by_view[views[query]]).sum()),
        without_image=int((same_person == 0).sum()),
    )


def images_per_identity(identity: np.ndarray) -> np.ndarray:
    """``[C]`` counts of the identities that have an image."""
    return np.unique(identity[identity >= 0], return_counts=True)[1]


def as_label(text: str) -> Label:
    """A label as a number where it is one: ``'0042'`` and ``'42'`` are the same.

    Negative numbers and names of junk become -1.
    """
    if re.fullmatch(r'-?\d+', text):
        return max(int(text), JUNK)
    return JUNK if text.lower() in JUNK_NAMES else text


def find_distractors(
    identities: Mapping[tuple[bool, Label], int], queries: np.ndarray
) -> list[int]:
    """Finds the folders of people that hold distractors, as Market-1501 calls them.

    These are folders called distractors, and the person 0 where there is junk, or
    where the test part has no query of it. Ours.

    Args:
        identities (Mapping): Code of each label; whether it is of the test part comes
            with the label.
        queries (np.ndarray): ``[q]`` integers, codes of the queries.

    Returns:
        list[int]: Their codes.
    """
    has_junk = any(label == JUNK for _, label in identities)
    return [
        code
        for (is_test, label), code in identities.items()
        if str(label).lower() in DISTRACTOR_NAMES
        or (label == 0 and (has_junk or (is_test and code not in queries)))
    ]
