"""What scores of different people look like, from evidence that needs no labels."""

from __future__ import annotations

import numpy as np

NUM_NEGATIVES = 1 << 19
BLOCK = 4096
MOST = 0.4
CHANCE = 1e-3


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


def share_of_strangers(own: np.ndarray, strangers: np.ndarray) -> float:
    """Share of images that are not where they belong.

    Hardly any true member scores below the middle of the strangers' scores, so it is
    twice the share of members that do, as the share of true null hypotheses of Storey
    (2002).

    Args:
        own (np.ndarray): Scores of images with the tracklet they are in.
        strangers (np.ndarray): Scores of images with tracklets they are not in.

    Returns:
        float: In 0..1; 0 if there are none to compare.
    """
    if len(own) == 0 or len(strangers) == 0:
        return 0.0
    return min(2 * float(np.mean(own <= np.median(strangers))), 1.0)


def odd_level(own: np.ndarray, strangers: np.ndarray, cost: float) -> float:
    """The score under which an image does not belong to its tracklet.

    With the share of strangers, of :func:`share_of_strangers`, the number of strangers
    and of true members under any level is known; the level is where strangers found
    less ``cost`` times the members lost is largest. That is known to half the standard
    deviation of the number under the level: of all levels as good as that, the one in
    the widest gap between scores is taken, if it is too wide to be chance.

    Args:
        own (np.ndarray): Scores of images with the tracklet they are in.
        strangers (np.ndarray): Scores of images with tracklets they are not in.
        cost (float): Cost of losing a member.

    Returns:
        float: The level; minus infinity if nothing is gained at any, or if so many
        images look like strangers (more than 0.4) that the scores say nothing.
    """
    if len(own) == 0 or len(strangers) == 0:
        return -np.inf
    share = share_of_strangers(own, strangers)
    if share > MOST:
        return -np.inf
    level = np.sort(own)
    under = np.arange(1, len(level) + 1)
    found = np.searchsorted(np.sort(strangers), level, 'right') / len(strangers)
    found = np.minimum(found * share * len(own), under)
    gain = found - cost * (under - found)
    best = int(np.argmax(gain))
    if gain[best] <= 0:
        return -np.inf
    good = np.flatnonzero(gain >= gain[best] - np.sqrt(under[best]) / 2)
    gap = _clear_gap(level[good[0] : good[-1] + 2])
    best = best if gap is None else int(good[0]) + gap
    # between two scores, so that no rounding decides
    return float(level[best] + level[min(best + 1, len(level) - 1)]) / 2


def _clear_gap(values: np.ndarray) -> int | None:
    """Position of the value before the widest gap of rising values, if no chance.

    Of ``n`` gaps between evenly drawn values one is wider than a share ``x`` of their
    range with a probability of at most ``n (1 - x) ** (n - 1)``.
    """
    gaps = np.diff(values)
    if len(gaps) == 0 or values[-1] <= values[0]:
        return None
    widest = int(np.argmax(gaps))
    share = gaps[widest] / (values[-1] - values[0])
    chance = len(gaps) * (1 - share) ** (len(gaps) - 1)
    return widest if chance < CHANCE else None


def parting_level(own: np.ndarray, others: np.ndarray) -> float:
    """The score that parts two kinds of scores with the fewest errors.

    Args:
        own (np.ndarray): Scores that should lie above it.
        others (np.ndarray): Scores that should lie under it.

    Returns:
        float: Where the shares of the own under it and of the others above it have
        the smallest sum, in the middle between two scores; infinite if there are no
        others.
    """
    if len(own) == 0 or len(others) == 0:
        return np.inf
    level = np.sort(np.concatenate([own, others]))
    lost = np.searchsorted(np.sort(own), level, 'left') / len(own)
    passed = 1 - np.searchsorted(np.sort(others), level, 'left') / len(others)
    best = int(np.argmin(lost + passed))
    return float(level[best] + level[max(best - 1, 0)]) / 2


def negative_scores(vectors: np.ndarray, video: np.ndarray, seed: int) -> np.ndarray:
    """Similarities of pieces of different videos: of different people, nearly all.

    Args:
        vectors (np.ndarray): ``[P, D]`` unit vectors.
        video (np.ndarray): ``[P]`` video of each.
        seed (int): Draws the pieces where there are more than about a thousand.

    Returns:
        np.ndarray: ``[m]`` similarities.
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
    return (vectors[first] @ vectors[second].T)[fresh]


def neighbours_null(
    negatives: np.ndarray, vectors: np.ndarray, video: np.ndarray, seed: int
) -> np.ndarray:
    """Fits the scores of strangers to people who share a video.

    Background, light and blur make strangers of one video more alike than strangers
    of two: see :func:`agree_with_video`.

    Args:
        negatives (np.ndarray): Similarities of pieces of different videos.
        vectors (np.ndarray): ``[P, D]`` unit vectors.
        video (np.ndarray): ``[P]`` video of each, sorted.
        seed (int): Draws pairs within videos.

    Returns:
        np.ndarray: Similarities, as many.
    """
    first = np.searchsorted(video, video)
    count = np.searchsorted(video, video, 'right') - first
    draws = max(1, NUM_NEGATIVES // 8 // max(len(video), 1))
    piece = np.tile(np.flatnonzero(count > 1), draws)
    if len(piece) == 0 or len(negatives) == 0:
        return negatives
    draw = np.random.default_rng(seed).random(len(piece))
    mate = another(piece, first[piece], count[piece], draw)
    near = np.concatenate(
        [
            np.einsum('ij,ij->i', vectors[a], vectors[b])
            for a, b in zip(
                np.array_split(piece, max(1, len(piece) // BLOCK)),
                np.array_split(mate, max(1, len(piece) // BLOCK)),
            )
        ]
    )
    return agree_with_video(negatives, negatives, near)


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
