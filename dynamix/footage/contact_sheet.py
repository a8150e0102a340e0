from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mmcv
import numpy as np

from dynamix.output_file import written_whole
from dynamix.visualization import RankedImage, draw_rank_sheet

ROWS, CROPS = 50, 10


def write_contact_sheet(out: Path, video: str) -> None:
    """Draws a row of crops for each tracklet of a video, with their frames below.

    Writes ``<out>_sheets/<video>.png``, beside ``out``, where it would be taken for a
    crop. Of more than 50 tracklets and more than ten crops of one, so many are drawn,
    evenly spread. A video without tracklets has none.

    Args:
        out (Path): Has ``<video>/<tracklet>/<frame>.jpg``.
        video (str): Name of the video.

    Raises:
        OSError: If the file cannot be written; names it.
    """

    def drawn(file: Path, caption: str) -> RankedImage:
        return RankedImage(mmcv.imread(file), None, caption)

    rows = []
    tracklets = [folder for folder in (out / video).iterdir() if folder.is_dir()]
    for folder in _spread(sorted(tracklets, key=lambda f: int(f.name)), ROWS):
        first, *rest = _spread(sorted(folder.iterdir()), CROPS)
        query = drawn(first, f'{folder.name}: {int(first.stem)}')
        rows.append((query, [drawn(file, f'{int(file.stem)}') for file in rest]))
    if rows:
        with written_whole(sheet_of(out, video)) as beside:
            mmcv.imwrite(draw_rank_sheet(rows), str(beside))


def sheet_of(out: Path, video: str) -> Path:
    """Where the contact sheet of a video is."""
    out = out.absolute()
    return out.with_name(f'{out.name}_sheets') / f'{video}.png'


def _spread(values: Sequence, count: int) -> list:
    """At most so many of the values, evenly spread, the first and last among them."""
    positions = np.linspace(0, len(values) - 1, min(count, len(values)))
    return [values[i] for i in positions.round().astype(int)]
