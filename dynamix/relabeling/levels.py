"""Where to part scores of images and pieces: levels, read off without labels."""

from __future__ import annotations

import numpy as np

MOST = 0.4
LOWEST = (0.1, 0.2, 0.3, 0.4, 0.5)
CHANCE = 0.05


def share_of_strangers(own: np.ndarray, strangers: np.ndarray) -> float:
    """Share of images that are not where they belong.

    Of strangers among the images, a tenth scores below the lowest tenth of strangers'
    scores, so ten times the share of images that do is an estimate; so is twice the
    share below their middle (of true null hypotheses, Storey, 2002). True members that
    score low raise them all, the latter more where embeddings are poor; so it is the
    smallest of five (ours), each with half the standard deviation of its count added,
    as the smallest is too small by chance. Of under twenty strangers in all it may
    see none.

    Args:
        own (np.ndarray): Scores of images with the tracklet they are in.
        strangers (np.ndarray): Scores of images with tracklets they are not in.

    Returns:
        float: In 0..1; 0 if there are none to compare.
    """
    if len(own) == 0 or len(strangers) == 0:
        return 0.0
    level = np.quantile(strangers, LOWEST)
    below = np.searchsorted(np.sort(own), level, 'right')
    share = (below + np.sqrt(below) / 2) / LOWEST / len(own)
    return min(float(share.min()), 1.0)


def odd_level(own: np.ndarray, strangers: np.ndarray, cost: float) -> float:
    """The score under which an image does not belong to its tracklet.

    With the share of strangers, of :func:`share_of_strangers`, the number of strangers
    and of true members under any level is known; the level is where strangers found
    less ``cost`` times the members lost is largest. That is known to half the standard
    deviation of the number under the level: if the levels around it that are as good
    leave a clear gap between scores (:func:`clear_gap`), it lies there.

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
    first, end = about_as_good(gain, best, gain[best] - np.sqrt(under[best]) / 2)
    gap = clear_gap(level[first : end + 1])
    best = best if gap is None else first + gap
    # between two scores, so that no rounding decides
    return float(level[best] + level[min(best + 1, len(level) - 1)]) / 2


def about_as_good(value: np.ndarray, best: int, least: float) -> tuple[int, int]:
    """``[first, end)`` around ``best``, in which no value is under ``least``."""
    worse = np.flatnonzero(value < least)
    first = worse[worse < best].max(initial=-1) + 1
    end = worse[worse > best].min(initial=len(value))
    return int(first), int(end)


def clear_gap(values: np.ndarray) -> int | None:
    """Finds the widest gap between values, if it stands out.

    Of ``n`` gaps between evenly drawn values one is wider than a share ``x`` of their
    range with a probability of at most ``n (1 - x) ** (n - 1)``; it must be under 0.05.
    Values that thin out towards an end may have such gaps there all the same: so it
    serves to choose among levels that are about as good anyway.

    Args:
        values (np.ndarray): Rising values.

    Returns:
        int | None: Position of the value before the gap.
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
        the smallest sum, in the middle between two scores; infinite if there are none
        of a kind.
    """
    if len(own) == 0 or len(others) == 0:
        return np.inf
    level = np.sort(np.concatenate([own, others]))
    lost = np.searchsorted(np.sort(own), level, 'left') / len(own)
    passed = 1 - np.searchsorted(np.sort(others), level, 'left') / len(others)
    best = int(np.argmin(lost + passed))
    return float(level[best] + level[max(best - 1, 0)]) / 2
