"""What a tracklet is on disk: crops, the index of their boxes, contact sheets."""

from __future__ import annotations

import csv
import io
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dynamix.config_checks import check_range, check_rate, check_whole
from dynamix.output_file import written_whole

INDEX = 'tracklets.csv'
# Names of files may be no UTF-8.
TEXT: Any = dict(newline='', encoding='utf-8', errors='surrogateescape')
COLUMNS = ('video', 'tracklet', 'frame', 'x', 'y', 'width', 'height', 'score')
SHEET_ROWS, SHEET_CROPS = 50, 10


@dataclass(frozen=True)
class TrackletOptions:
    """Which boxes become crops, and which crops are kept.

    Args:
        margin (float): What a crop shows beside its box on each side, as a share of
            the box's width and height. Defaults to 0.
        min_height (int): Least height of a box in pixels. Defaults to 40.
        score (float): Least score of a box. A tracklet begins with two boxes of at
            least 0.2 more. Defaults to 0.3.
        min_length (int): Least number of crops of a tracklet. Defaults to 4.
        every (int): Only frames whose number it divides are cropped; 0: so that
            there are about five crops a second. Defaults to 0.
        max_crops (int): Most crops of a tracklet, which is thinned out evenly if it
            has more; 0: any number. Defaults to 200.

    Raises:
        ValueError: If a value is out of its range.
    """

    margin: float = 0.0
    min_height: int = 40
    score: float = 0.3
    min_length: int = 4
    every: int = 0
    max_crops: int = 200

    def __post_init__(self) -> None:
        check_range('margin', self.margin, 0)
        check_whole('min_height', self.min_height, 1)
        check_rate('score', self.score)
        check_whole('min_length', self.min_length, 1)
        check_whole('every', self.every, 0)
        check_whole('max_crops', self.max_crops, 0)
        if 0 < self.max_crops < self.min_length:
            raise ValueError(
                f'`max_crops` is {self.max_crops}, but a tracklet must have '
                f'`min_length`={self.min_length} crops.'
            )


class TrackletWriter:
    """Writes the crops of one video, ``<tracklet>/<frame>.jpg``, and their index.

    Crops are written of frames whose number ``every`` divides. Where a tracklet has too
    many, those with every second, fourth, ... number are kept. So two tracklets of one
    moment still have numbers in common. A file that cannot be written is an OSError
    that names it.
    """

    def __init__(
        self, folder: Path, video: str, every: int, options: TrackletOptions
    ) -> None:
        self.folder, self.video, self.every = folder, video, every
        self.options = options
        # by tracklet: the rows of the index by frame, and what divides the frames
        self._rows: dict[int, dict[int, tuple]] = {}
        self._step: dict[int, int] = {}

    def add(
        self,
        tracklet: int,
        frame: int,
        image: np.ndarray,
        box: np.ndarray,
        score: float,
    ) -> None:
        """Writes a crop, unless its frame or its height is one to leave out.

        ``image`` is the frame, ``[H, W, 3]`` uint8 BGR; ``box`` is ``[4]`` left, top,
        right, bottom within it.
        """
        step = self._step.setdefault(tracklet, self.every)
        size = box[2:] - box[:2]
        if frame % step or size[1] < self.options.min_height:
            return
        begin = np.rint(box[:2] - self.options.margin * size).astype(int).clip(0)
        right, bottom = np.rint(box[2:] + self.options.margin * size).astype(int)
        crop = image[begin[1] : bottom, begin[0] : right]
        if not crop.size:
            return
        self._write(self._file(tracklet, frame), cv2.imencode('.jpg', crop)[1].data)
        numbers = [f'{value:.1f}' for value in (*box[:2], *size)]
        rows = self._rows.setdefault(tracklet, {})
        rows[frame] = (self.video, f'{tracklet:04d}', frame, *numbers, f'{score:.3f}')
        while 0 < self.options.max_crops < len(rows):
            step = self._step[tracklet] = 2 * step
            for number in [number for number in rows if number % step]:
                self._file(tracklet, number).unlink()
                del rows[number]

    def finish(self) -> list[int]:
        """Removes tracklets that are too short, writes the index and returns the
        number of crops of each tracklet.
        """
        lines = io.StringIO(newline='')
        table = csv.writer(lines, lineterminator='\n')
        table.writerow(COLUMNS)
        counts = []
        for tracklet, rows in sorted(self._rows.items()):
            if len(rows) < self.options.min_length:
                shutil.rmtree(self._file(tracklet, 0).parent)
                continue
            table.writerows(rows.values())
            counts.append(len(rows))
        content = lines.getvalue().encode(TEXT['encoding'], TEXT['errors'])
        self._write(self.folder / INDEX, content)
        return counts

    def _file(self, tracklet: int, frame: int) -> Path:
        return self.folder / f'{tracklet:04d}' / f'{frame:06d}.jpg'

    def _write(self, file: Path, content: bytes | memoryview) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        except OSError as error:
            raise OSError(f'{file} cannot be written: {error.strerror}') from error


def merge_indexes(out: Path) -> Counter[tuple[str, str]]:
    """Writes ``<out>/tracklets.csv`` from ``<out>/<video>/tracklets.csv`` of all videos
    that are complete, and returns the number of crops by (video, tracklet).
    """
    from dynamix.datasets.image_files import natural_key  # brings PyTorch

    crops: Counter[tuple[str, str]] = Counter()
    indexes = [file for file in out.glob(f'*/{INDEX}') if file.parent.name[0] != '.']
    with written_whole(out / INDEX) as beside, open(beside, 'w', **TEXT) as stream:
        table = csv.writer(stream, lineterminator='\n')
        table.writerow(COLUMNS)
        for file in sorted(indexes, key=lambda file: natural_key(file.parent.name)):
            with open(file, **TEXT) as part:
                for row in csv.DictReader(part):
                    crops[row['video'], row['tracklet']] += 1
                    table.writerow(row[column] for column in COLUMNS)
    return crops


def sheet_of(out: Path, video: str) -> Path:
    """Where the contact sheet of a video is: beside ``out``, where it would be taken
    for a crop.
    """
    out = out.absolute()
    return out.with_name(f'{out.name}_sheets') / f'{video}.png'


def write_contact_sheet(out: Path, video: str) -> None:
    """Draws a row of crops for each tracklet of a video, with their frames below.

    Writes :func:`sheet_of`. Of more than 50 tracklets and more than ten crops of one,
    so many are drawn, evenly spread. A video without crops has none.
    """
    import mmcv  # brings PyTorch

    from dynamix.visualization import RankedImage, draw_rank_sheet

    files: dict[str, list[Path]] = {}
    for file in sorted((out / video).glob('*/*.jpg'), key=lambda file: int(file.stem)):
        files.setdefault(file.parent.name, []).append(file)
    rows = []
    for tracklet in _spread(sorted(files, key=int), SHEET_ROWS):
        first, *rest = (
            RankedImage(mmcv.imread(file), None, f'{int(file.stem)}')
            for file in _spread(files[tracklet], SHEET_CROPS)
        )
        query = first._replace(caption=f'{tracklet}: {first.caption}')
        rows.append((query, rest))
    if rows:
        with written_whole(sheet_of(out, video)) as beside:
            mmcv.imwrite(draw_rank_sheet(rows), str(beside))


def _spread(values: Sequence, count: int) -> list:
    """At most so many of the values, evenly spread, the first and last among them."""
    positions = np.linspace(0, len(values) - 1, min(count, len(values)))
    return [values[i] for i in positions.round().astype(int)]
