"""Whether one setting beats another, judged by runs of equal seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

_CHUNK = 1 << 16
_MOST_PAIRS = 24


@dataclass(frozen=True)
class PairedComparison:
    """Differences of two settings over the seeds that both have.

    Attributes:
        seeds (int): Number of common seeds.
        difference (float): Mean of the differences; NaN without a common seed.
        std (float): Their standard deviation, ``n - 1`` in the denominator; NaN for
            fewer than two.
        p_t (float): Two-sided p of the paired t-test; NaN for fewer than two seeds.
        p_sign_flip (float): Two-sided p of the exact sign-flip test; at least
            ``2 / 2**seeds``, which is 0.0625 for five seeds. NaN for fewer than two
            seeds or more than 24.
    """

    seeds: int
    difference: float
    std: float
    p_t: float
    p_sign_flip: float


def compare_paired(
    ours: Mapping[int, float], theirs: Mapping[int, float]
) -> PairedComparison:
    """Compares two settings seed by seed.

    Args:
        ours (Mapping[int, float]): Score of each seed.
        theirs (Mapping[int, float]): Score of each seed of what is compared with.

    Returns:
        PairedComparison: Of ``ours - theirs``.
    """
    common = sorted(ours.keys() & theirs.keys())
    gap = np.array([ours[seed] - theirs[seed] for seed in common], dtype=np.float64)
    several = len(gap) > 1
    return PairedComparison(
        seeds=len(gap),
        difference=float(gap.mean()) if len(gap) else float('nan'),
        std=float(gap.std(ddof=1)) if several else float('nan'),
        p_t=paired_t(gap) if several else float('nan'),
        p_sign_flip=sign_flip(gap) if 1 < len(gap) <= _MOST_PAIRS else float('nan'),
    )


def paired_t(differences: np.ndarray) -> float:
    """Two-sided p of the paired t-test.

    Args:
        differences (np.ndarray): ``[n]``, at least two.

    Returns:
        float: 1 where all differences are 0, and 0 where all are equal otherwise.
    """
    gap = np.asarray(differences, dtype=np.float64)
    if np.ptp(gap) == 0:
        return 1.0 if gap[0] == 0 else 0.0
    return float(stats.ttest_1samp(gap, 0.0).pvalue)


def sign_flip(differences: np.ndarray) -> float:
    """Two-sided p of the exact sign-flip (permutation) test of paired differences.

    The share of all ``2**n`` ways to give the differences a sign whose mean is at
    least as far from 0 as the one found.

    Args:
        differences (np.ndarray): ``[n]``, 1 to 24 of them.

    Raises:
        ValueError: If there are none or more than 24.
    """
    gap = np.abs(np.asarray(differences, dtype=np.float64))
    if not 1 <= len(gap) <= _MOST_PAIRS:
        raise ValueError(
            f'the exact test goes through all signs of 1 to {_MOST_PAIRS} pairs, but '
            f'got {len(gap)}.'
        )
    found = abs(float(np.sum(differences)))
    # Sums that are equal but for rounding count as equal.
    least = found - 1e-9 * float(gap.sum())
    total = 1 << len(gap)
    extreme = 0
    for start in range(0, total, _CHUNK):
        number = np.arange(start, min(start + _CHUNK, total))
        sign = 1.0 - 2.0 * (number[:, None] >> np.arange(len(gap)) & 1)
        extreme += int((np.abs(sign @ gap) >= least).sum())
    return extreme / total
