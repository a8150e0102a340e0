from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from dynamix.datasets.image_files import natural_key
from dynamix.output_file import written_whole

from .tracklet_writer import COLUMNS, INDEX


def merge_indexes(out: Path) -> Counter[tuple[str, str]]:
    """Writes ``<out>/tracklets.csv`` from the indexes of all videos that are complete.

    Args:
        out (Path): Has ``<video>/tracklets.csv``.

    Returns:
        Counter[tuple[str, str]]: Number of crops by (video, tracklet).

    Raises:
        OSError: If a file cannot be read or written.
    """
    crops: Counter[tuple[str, str]] = Counter()
    coding = dict(newline='', encoding='utf-8', errors='surrogateescape')
    indexes = [file for file in out.glob(f'*/{INDEX}') if file.parent.name[0] != '.']
    with (
        written_whole(out / INDEX) as beside,
        open(beside, 'w', **coding) as stream,  # type: ignore[call-overload]
    ):
        table = csv.writer(stream, lineterminator='\n')
        table.writerow(COLUMNS)
        for file in sorted(indexes, key=lambda file: natural_key(file.parent.name)):
            with open(file, **coding) as part:  # type: ignore[call-overload]
                for row in csv.DictReader(part):
                    crops[row['video'], row['tracklet']] += 1
                    table.writerow(row[column] for column in COLUMNS)
    return crops
