"""What scores of different people look like, from evidence that needs no labels."""

from __future__ import annotations

import numpy as np

NUM_NEGATIVES = 1 << 19


def draw_strangers(
    group: np.ndarray, video: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws for each image another group of its video.

    Args:
        group (np.ndarray): ``[m]`` group of each image, in ``0..G-1``.
        video (np.ndarray): ``[G]`` video of each group, sorted.
        seed (int): Seed.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``[k]`` images whose video has other groups,
        and ``[k]`` one of these for each.
    """
    first = np.searchsorted(video, video)
    count = np.searchsorted(video, video, 'right') - first
    images = np.flatnonzero(count[group] > 1)
    own = group[images]
    draw = np.random.default_rng(seed).random(len(images))
    return images, another(own, first[own], count[own], draw)


def another(
    place: np.ndarray, first: np.ndarray, count: np.ndarray, draw: np.ndarray
) -> np.ndarray:
    """Another place of the same range, evenly drawn.

    Args:
        place (np.ndarray): ``[k]`` places.
        first (np.ndarray): ``[k]`` where the range of each begins.
        count (np.ndarray): ``[k]`` its length, at least 2.
        draw (np.ndarray): ``[k]`` random numbers in 0..1.

    Returns:
        np.ndarray: ``[k]`` int64.
    """
    mate = first + (draw * (count - 1)).astype(np.int64)
    return mate + (mate >= place)


def strangers_of_two_videos(
    vectors: np.ndarray, size: np.ndarray, video: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Similarities of pieces of different videos: of different people, nearly all.

    Args:
        vectors (np.ndarray): ``[P, D]`` unit vectors.
        size (np.ndarray): ``[P]`` size of the video of each.
        video (np.ndarray): ``[P]`` video of each.
        seed (int): Draws the pieces where there are more than about a thousand.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``[m]`` similarities, and ``[m]`` means of the
        two sizes.
    """
    count = len(vectors)
    side = int((2 * NUM_NEGATIVES) ** 0.5)
    if count <= side:
        first = second = np.arange(count)
        fresh = np.triu(np.ones((count, count), bool), 1)
    else:
        draw = np.random.default_rng(seed).permutation(count)
        first, second = np.array_split(draw[:side], 2)
        fresh = np.ones((len(first), len(second)), bool)
    fresh &= video[first][:, None] != video[second][None]
    mean = (size[first][:, None] + size[second][None]) / 2
    return (vectors[first] @ vectors[second].T)[fresh], mean[fresh]


def agree_with_video(
    scores: np.ndarray, negatives: np.ndarray, near: np.ndarray
) -> np.ndarray:
    """Moves scores from where strangers of two videos lie to where those of one do.

    Most pairs of one video are strangers, so the lower half of their scores shows
    where strangers lie (an empirical null): scores are moved and, if need be,
    stretched as it takes to make the lower half of the negatives agree with it.

    Args:
        scores (np.ndarray): Any scores on the negatives' scale.
        negatives (np.ndarray): ``[m]`` scores of pairs of different videos.
        near (np.ndarray): ``[k]`` scores of pairs within videos.

    Returns:
        np.ndarray: The scores on the scale of pairs within videos.
    """
    low, middle = np.quantile(near, [0.1, 0.4])
    far_low, far_middle = np.quantile(negatives, [0.1, 0.4])
    stretch = max(1.0, (middle - low) / max(far_middle - far_low, 1e-9))
    return middle + stretch * (scores - far_middle)
