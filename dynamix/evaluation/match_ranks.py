"""The rank of a match without a full ranking: how many scores lie above its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch


def match_ranks(score: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Ranks some entries of a matrix within their rows; equal ones by column.

    Only the scores that reach the row's lowest match are sorted: few, once a model
    has learnt something.

    Args:
        score (np.ndarray): ``[B, G]`` floats without NaN, higher ranks first.
        row (np.ndarray): ``[P]`` rows, rising.
        column (np.ndarray): ``[P]`` columns; their scores are finite.

    Returns:
        np.ndarray: ``[P]`` int64, 0-based.
    """
    rank = np.empty(len(row), np.int64)
    rows, begin = np.unique(row, return_index=True)
    end = np.append(begin[1:], len(row))

    def rank_rows(first: int) -> None:
        for i in range(first, len(rows), threads):
            part = slice(begin[i], end[i])
            scores, columns = score[rows[i]], column[part]
            value = scores[columns]
            reached = np.sort(scores[scores >= value.min()])
            up_to = np.searchsorted(reached, value, side='right')
            rank[part] = len(reached) - up_to
            equal = up_to - np.searchsorted(reached, value)
            for tied in np.flatnonzero(equal > 1):
                earlier = scores[: columns[tied]] == value[tied]
                rank[part.start + tied] += np.count_nonzero(earlier)

    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(rank_rows, range(threads)))
    return rank
