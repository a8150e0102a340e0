"""Text that the metric logs: the table of scores, and why queries were dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .ranking import Ranking
from .ranking_labels import JUNK, RankingLabels

_SAME_CAMERA = 'seen by no other camera'
_NO_MATCH = 'not in the gallery'
_JUNK = 'junk'


def score_table(scores: Mapping[str, Mapping[str, float]]) -> str:
    """Aligned text: a row a target, a column a score, one decimal.

    Args:
        scores (Mapping[str, Mapping[str, float]]): Scores by target; all targets have
            the same ones.

    Returns:
        str: Lines without a newline at the end.
    """
    columns = list(next(iter(scores.values())))
    rows = [['target', *columns]]
    rows += [
        [target, *(f'{row[column]:.1f}' for column in columns)]
        for target, row in scores.items()
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return '\n'.join(
        '  '.join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        )
        for row in rows
    )


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
    valid = sum(ranking.num_valid for ranking, _ in rankings)
    line = f'{target}: {queries} queries against {gallery} gallery images'
    if len(rankings) > 1:
        line += f' in {len(rankings)} splits'
    line += f'; {queries - valid} queries dropped'
    reasons = _reasons([ranking for ranking, _ in rankings])
    if reasons:
        line += f' ({reasons})'
    junk = sum(len(labels.junk_columns) for _, labels in rankings)
    if junk:
        line += f'; {junk} junk gallery images left out'
    if num_unreadable:
        line += f'; {num_unreadable} unreadable images left out'
    return line + '.'


def dropped_reason(labels: RankingLabels, query: int) -> str:
    """Why a query is dropped; empty if it is ranked."""
    if labels.query_identity[query] == JUNK:
        return _JUNK
    _, _, is_match, itself = labels.pairs(query, query + 1)
    if is_match.any():
        return ''
    return _NO_MATCH if itself.all() else _SAME_CAMERA


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
        f'queries has a match in the gallery ({_reasons([ranking])}).'
    )
    if ranking.num_same_camera:
        message += (
            ' A match must come from another camera; if cameras are unknown or do not '
            'matter, set camera_aware=False in ReIDMetric.'
        )
    return message


def _reasons(rankings: Sequence[Ranking]) -> str:
    same_camera = sum(ranking.num_same_camera for ranking in rankings)
    no_match = sum(ranking.num_no_match for ranking in rankings)
    junk = sum(ranking.num_junk for ranking in rankings)
    reasons = (
        (same_camera, _SAME_CAMERA),
        (no_match, _NO_MATCH),
        (junk, _JUNK),
    )
    return ', '.join(f'{count} {reason}' for count, reason in reasons if count)
