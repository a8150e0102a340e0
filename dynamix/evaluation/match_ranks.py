"""The rank of a match without a full ranking: how many scores lie above its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch


def match_ranks(score: torch.Tensor, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Ranks of some entries of a matrix within their rows; equal ones by column.

    Args:
        score (torch.Tensor): ``[B, G]`` floats without NaN, higher ranks first.
        row (np.ndarray): ``[P]`` rows, rising.
        column (np.ndarray): ``[P]`` columns; their scores are finite.

    Returns:
        np.ndarray: ``[P]`` int64, 0-based.
    """
    rows, columns = _index(score, row), _index(score, column)
    value = score[rows, columns]
    if score.device.type == 'cpu':
        above, equal = count_by_row(score.numpy(), row, value.numpy())
    else:
        above, equal = count_by_sorting(score, row, value)
    tied = torch.nonzero(equal > 1).flatten()
    position = torch.arange(score.shape[1], device=score.device)
    for part in tied.split(max(1, len(score))):
        earlier = score[rows[part]] == value[part, None]
        earlier &= position < columns[part, None]
        above[part] += torch.count_nonzero(earlier, dim=1)
    return above.cpu().numpy()


def count_by_row(
    score: np.ndarray, row: np.ndarray, value: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """How many scores of its row lie above each value, and how many equal it.

    Only the scores that reach the row's lowest match are sorted: few, once a model
    has learnt something.
    """
    above, equal = np.empty(len(row), np.int64), np.empty(len(row), np.int64)
    rows, begin = np.unique(row, return_index=True)
    end = np.append(begin[1:], len(row))

    def count(first: int) -> None:
        for i in range(first, len(rows), threads):
            part = slice(begin[i], end[i])
            scores = score[rows[i]]
            reached = np.sort(scores[scores >= value[part].min()])
            up_to = np.searchsorted(reached, value[part], side='right')
            above[part] = len(reached) - up_to
            equal[part] = up_to - np.searchsorted(reached, value[part])

    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(count, range(threads)))
    return torch.from_numpy(above), torch.from_numpy(equal)


def count_by_sorting(
    score: torch.Tensor, row: np.ndarray, value: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same for all rows at once, as suits a GPU."""
    count = np.bincount(row, minlength=len(score))
    slot = _index(score, np.arange(len(row)) - (np.cumsum(count) - count)[row])
    rows = _index(score, row)
    padded = score.new_zeros(len(score), int(count.max()))
    padded[rows, slot] = value
    ascending = score.sort(dim=1).values
    up_to = torch.searchsorted(ascending, padded, right=True)
    equal = up_to - torch.searchsorted(ascending, padded)
    return score.shape[1] - up_to[rows, slot], equal[rows, slot]


def _index(like: torch.Tensor, values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values).to(like.device)
