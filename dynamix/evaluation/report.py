"""Text that the metric logs: the table of scores, and why queries were dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .ranking import JUNK_QUERY, NO_MATCH, SAME_CAMERA, Ranking
from .ranking_labels import RankingLabels


def score_table(scores: Mapping[str, Mapping[str, float]]) -> str:
    """Aligned text: a row a target, a column a score, one decimal.

    Args:
        scores (Mapping[str, Mapping[str, float]]): Scores by target; all targets have
            the same ones.

    Returns:
        str: Lines without a newline at the end.
    """
    width = max(map(len, ['target', *scores]))
    columns = next(iter(scores.values()))
    lines = ['target'.ljust(width) + ''.join(f'{column:>10}' for column in columns)]
    lines += [
        target.ljust(width) + ''.join(f'{row[column]:10.1f}' for column in columns)
        for target, row in scores.items()
    ]
    return '\n'.join(lines)


def dropped_line(
    target: str,
    rankings: Sequence[tuple[Ranking, RankingLabels]],
    num_unreadable: int = 0,
) -> str:
    """One line on what was ranked and what was not; sums over splits.

    Args:
        target (str): Name of the target.
        rankings (Sequence[tuple[Ranking, RankingLabels]]): One a split.
        num_unreadable (int): Images left out as they could not be read.

    Returns:
        str: The line.
    """
    queries = sum(labels.num_queries for _, labels in rankings)
    gallery = sum(labels.num_gallery for _, labels in rankings)
    valid = sum(int(ranking.valid.sum()) for ranking, _ in rankings)
    line = f'{target}: {queries} queries against {gallery} gallery images'
    if len(rankings) > 1:
        line += f' in {len(rankings)} splits'
    line += f'; {queries - valid} queries dropped'
    if reasons := _reasons(*(ranking for ranking, _ in rankings)):
        line += f' ({reasons})'
    junk = sum(len(labels.junk_columns) for _, labels in rankings)
    if junk:
        line += f'; {junk} junk gallery images left out'
    if num_unreadable:
        line += f'; {num_unreadable} unreadable images left out'
    return line + '.'


def copies_line(target: str, copies: int) -> str:
    """Warns of copies of queries in the gallery of a target."""
    return (
        f'{target}: {copies} queries have a match with the same embedding, a copy of '
        'the query. Any model finds it first, so the scores are too high: remove the '
        'copies from the gallery, or give them the camera of their query and set '
        'camera_aware=True.'
    )


def no_valid_query_message(target: str, split: int, ranking: Ranking) -> str:
    """Explains why a split of a target cannot be scored."""
    message = (
        f"target '{target}', split {split}: none of its {len(ranking.first_match)} "
        f'queries has a match in the gallery ({_reasons(ranking)}).'
    )
    if (ranking.dropped == SAME_CAMERA).any():
        message += (
            ' A match must come from another camera; if cameras are unknown or do not '
            'matter, set camera_aware=False in ReIDMetric.'
        )
    return message


def _reasons(*rankings: Ranking) -> str:
    dropped = [reason for ranking in rankings for reason in ranking.dropped]
    return ', '.join(
        f'{dropped.count(reason)} {reason}'
        for reason in (SAME_CAMERA, NO_MATCH, JUNK_QUERY)
        if reason in dropped
    )
