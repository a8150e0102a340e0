"""A part of the training people that is left out to validate on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import numpy as np

from .label_checks import Label


def find_held_out(name: str, labels: Sequence[Label], fraction: float) -> np.ndarray:
    """``[n]`` booleans: which of the people to train on are held out.

    Raises:
        ValueError: If fewer than two people are held out, or left to train on.
    """
    held = np.array([is_held_out(label, fraction) for label in labels], bool)
    number = int(held.sum())
    if min(number, len(held) - number) < 2:
        raise ValueError(
            f'{name}: holdout={fraction} holds out {number} of {len(held)} people, but '
            'at least 2 are needed to rank them, and 2 others to train on.'
        )
    return held


def is_held_out(label: Label, fraction: float) -> bool:
    """Whether a person is among the share of all labels, in 0..1, that is held out.

    It depends on nothing else, so a person that was trained on is not held out after
    other people or images have come or gone. Who is held out at a fraction is so at
    every larger one. Ours.
    """
    digest = hashlib.sha256(os.fsencode(str(label))).digest()
    return int.from_bytes(digest[:8], 'big') < fraction * 2**64


def pick_queries(identity: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """``[n]`` booleans: queries such that others of a person are left for the gallery.

    One image of each person and camera: the first, where there are more. Of a person
    with one image in each camera, one in all. Every query of a person seen by several
    cameras has a match under another camera; others have one where cameras do not
    count. Ours.
    """
    pairs = np.stack([identity, camera])
    _, first, images = np.unique(pairs, axis=1, return_index=True, return_counts=True)
    is_query = np.zeros(len(identity), bool)
    is_query[first[images > 1]] = True
    people, first, images = np.unique(identity, return_index=True, return_counts=True)
    without = ~np.isin(people, identity[is_query])
    is_query[first[without & (images > 1)]] = True
    return is_query
