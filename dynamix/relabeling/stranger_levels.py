"""How alike strangers are, read off the far end of lists of neighbours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MIN_TAIL = 3
TAIL_SHARE = 10
ROUNDING = 1e-3


class StrangerLevels(NamedTuple):
    """Expected numbers of strangers, by similarity.

    Of all identities of other videos, strangers nearly all, about ``exp((anchor[i] -
    s) / scale)`` are expected to be at least ``s`` similar to identity ``i``.

    Args:
        anchor (np.ndarray): ``[P]`` similarity from which one stranger is expected;
            not finite where an identity has no list.
        scale (float): How fast the number falls; 0 if it cannot be told.
    """

    anchor: np.ndarray
    scale: float


def stranger_levels(
    similarity: np.ndarray, far: np.ndarray, depth: int
) -> StrangerLevels:
    """Fits an exponential tail to the similarities of strangers (ours).

    Few identities of a long list of neighbours are the same person, so its far end are
    strangers, the most alike of all there are. For an exponential tail of decay
    ``scale`` the gaps between neighbours of rank ``r`` and ``r + 1`` are exponential
    with mean ``scale / r`` (Renyi), whatever the number of strangers. The median of
    ``r x gap`` over all lists gives the scale: the few gaps between the last of the
    same person and the first stranger do not move it. The places that the same person
    takes in a list only raise the levels. As lists hold the nearest among all, levels
    rise with the number of identities by themselves, and a hub, near to everybody, has
    a high one.

    Args:
        similarity (np.ndarray): ``[P, K]`` similarities, falling.
        far (np.ndarray): ``[P, K]`` bool: which neighbours count, those of other
            videos.
        depth (int): Rank among them where the tail is read, at least 2.

    Returns:
        StrangerLevels: The levels.
    """
    # pack what counts to the left; the order is kept
    order = np.argsort(~far, axis=1, kind='stable')[:, :depth]
    packed = np.take_along_axis(np.where(far, similarity, np.nan), order, 1)
    count = np.isfinite(packed).sum(1)
    last = np.full(len(packed), np.nan)
    some = np.flatnonzero(count)
    last[some] = packed[some, count[some] - 1]
    rank = np.arange(1, packed.shape[1])
    gaps = ((packed[:, :-1] - packed[:, 1:]) * rank)[:, rank >= depth // 2]
    gaps = gaps[np.isfinite(gaps)]
    scale = float(np.median(gaps) / np.log(2)) if len(gaps) else 0.0
    return StrangerLevels(last + scale * np.log(np.maximum(count, 1)), scale)


def tail_depth(count: int, neighbours: int) -> int:
    """Rank to read the tail at: ``neighbours``, or a tenth of few identities."""
    return max(MIN_TAIL, min(neighbours, count // TAIL_SHARE))


def log_expected(
    levels: StrangerLevels, pairs: np.ndarray, similarity: np.ndarray
) -> np.ndarray:
    """Log of the strangers expected to be as alike as a pair, mean of both ends.

    Args:
        levels (StrangerLevels): The levels; their scale must not be 0.
        pairs (np.ndarray): ``[E, 2]`` identities.
        similarity (np.ndarray): ``[E]``.

    Returns:
        np.ndarray: ``[E]``; not a number where an end has no level.
    """
    return (levels.anchor[pairs].mean(1) - similarity) / levels.scale


def least_evidence(expected: np.ndarray, count: int, false_share: float) -> float:
    """The largest log number of expected strangers that pairs may have to be merged.

    If every identity expects ``e`` strangers as alike, ``count * e / 2`` pairs of
    strangers are expected among those that pass ``e``: of Benjamini and Hochberg's
    false discovery rate, with expected numbers in place of p-values.

    Args:
        expected (np.ndarray): ``[E]`` of :func:`log_expected`, all finite.
        count (int): Number of identities.
        false_share (float): Largest share of strangers among the pairs that pass.

    Returns:
        float: That of the last pair that passes, and a little more, so that no rounding
        decides about it; minus infinity if no number will do.
    """
    ordered = np.sort(expected)
    share = np.exp(np.minimum(ordered, 50)) * count / 2 / np.arange(1, len(ordered) + 1)
    passing = np.flatnonzero(share <= false_share)
    return float(ordered[passing[-1]]) + ROUNDING if len(passing) else -np.inf
