"""Results of single queries: a table, and the file that holds it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dynamix.output_file import written_whole

from .ranking import Ranking
from .ranking_labels import RankingLabels
from .target_images import TargetImages

TOPK = 10


def query_rows(
    target: TargetImages,
    split: int,
    query: np.ndarray,
    gallery: np.ndarray,
    labels: RankingLabels,
    ranking: Ranking,
) -> Iterator[dict[str, Any]]:
    """Yields a row of the table for each query of a split.

    ``AP`` is in 0..100 and ``first_match`` is a 1-based rank; both are empty for a
    query that is dropped, for the reason in ``dropped``. ``gallery_1``, ... are the
    paths of the nearest gallery images that the rules do not leave out, ``match_1``,
    ... whether each is a match (1 or 0).

    Args:
        target (TargetImages): The images.
        split (int): Number of the split.
        query (np.ndarray): Rows of the queries.
        gallery (np.ndarray): Rows of the gallery.
        labels (RankingLabels): Of this split.
        ranking (Ranking): Of this split, with the nearest images.
    """
    for q, dropped in enumerate(ranking.dropped):
        columns, is_match = ranking.nearest_of(q, labels)
        yield dict(
            target=target.name,
            split=split,
            query=target.path[query[q]],
            identity=target.identity[query[q]],
            camera=target.camera[query[q]],
            AP='' if dropped else 100 * float(ranking.average_precision[q]),
            first_match='' if dropped else ranking.first_match[q] + 1,
            dropped=dropped,
        ) | {
            f'{name}_{place}': value
            for place, (column, right) in enumerate(zip(columns, is_match), 1)
            for name, value in (
                ('gallery', target.path[gallery[column]]),
                ('match', int(right)),
            )
        }


def write_query_rows(path: str, rows: Sequence[dict[str, Any]]) -> None:
    """Writes the table as CSV with a header.

    Args:
        path (str): File to write, UTF-8; its folder is made if missing. Paths of images
            that are not UTF-8 keep their bytes.
        rows (Sequence[dict]): Those of :func:`query_rows`.

    Raises:
        OSError: If it cannot be written.
    """
    columns = max(rows, key=len)
    options: Any = dict(encoding='utf-8', errors='surrogateescape', newline='')
    with written_whole(path) as beside, open(beside, 'w', **options) as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
