"""How alike strangers of one video are, image by image, read off without labels."""

from __future__ import annotations

import numpy as np

from .segments import unit
from .strangers import agree_with_video, another

NUM_SAMPLES = 1448
NUM_MATES = 1 << 16
TAIL = 0.05


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
    where nearly all pairs are strangers too (an empirical null). Some people do come
    back in another video; so that these do not make the tail, it is taken to fall at
    least as fast, from its last twentieth on, as an exponential.

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
    level = _tail_level(negatives, false_rate)
    order = np.argsort(video, kind='stable')
    ordered = video[order]
    begin = np.searchsorted(ordered, ordered)
    size = np.searchsorted(ordered, ordered, 'right') - begin
    shared = np.flatnonzero(size > 1)
    if len(shared) == 0:
        return min(level, 1.0)
    place = rng.choice(shared, NUM_MATES)
    mate = another(place, begin[place], size[place], rng.random(NUM_MATES))
    near = np.empty(NUM_MATES, np.float32)
    for start in range(0, NUM_MATES, 8192):
        part = slice(start, start + 8192)
        a, b = take(order[place[part]]), take(order[mate[part]])
        near[part] = np.einsum('ij,ij->i', a, b)
    near_level = agree_with_video(np.asarray(level, near.dtype), negatives, near)
    return min(float(near_level), 1.0)


def _tail_level(negatives: np.ndarray, false_rate: float) -> float:
    """Quantile ``1 - false_rate``, at most what an exponential tail leads to."""
    level = float(np.quantile(negatives, 1 - false_rate))
    if false_rate >= TAIL:
        return level
    begin, twice = np.quantile(negatives, [1 - 2 * TAIL, 1 - TAIL])
    decay = (twice - begin) / np.log(2)
    return min(level, float(twice + decay * np.log(TAIL / false_rate)))
