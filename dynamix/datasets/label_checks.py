"""What can be wrong with the labels of a data set, found before anything runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
    """Counts the queries that cannot be answered.

    Args:
        identity (np.ndarray): ``[n]`` integers.
        camera (np.ndarray): ``[n]`` integers.
        query (np.ndarray): ``[n]`` booleans.
        gallery (np.ndarray): ``[n]`` booleans.
    """
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
