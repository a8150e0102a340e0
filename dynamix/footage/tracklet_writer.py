from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import cv2
import numpy as np

from .tracklet_options import TrackletOptions

COLUMNS = ('video', 'tracklet', 'frame', 'x', 'y', 'width', 'height', 'score')
INDEX = 'tracklets.csv'


class TrackletWriter:
    """Writes the crops of one video, ``<tracklet>/<frame>.jpg``, and their index.

    Where a tracklet has too many crops, those with every second, fourth, ... number
    are kept. So two tracklets of one moment still have numbers in common.

    Args:
        folder (Path): Where to write; is made.
        video (str): Name of the video, for the index.
        every (int): Crops are written of frames whose number it divides.
        options (TrackletOptions): Margin, height, length and number of crops.

    Attributes:
        frames (dict[str, list[int]]): Numbers of the frames with a crop, by tracklet.

    Raises:
        OSError: If a file cannot be written; names it.
    """

    def __init__(
        self, folder: Path, video: str, every: int, options: TrackletOptions
    ) -> None:
        self.folder, self.video, self.every = folder, video, every
        self.options = options
        self.frames: dict[str, list[int]] = {}
        self._rows: dict[tuple[str, int], list[str]] = {}
        self._step: dict[str, int] = {}

    def add(
        self,
        tracklet: int,
        frame: int,
        image: np.ndarray,
        box: np.ndarray,
        score: float,
    ) -> None:
        """Writes a crop, unless its frame or its height is one to leave out.

        Args:
            tracklet (int): Number of the tracklet.
            frame (int): Number of the frame in the video.
            image (np.ndarray): ``[H, W, 3]`` uint8 BGR, the frame.
            box (np.ndarray): ``[4]`` left, top, right, bottom within the frame.
            score (float): Score of the box, for the index.
        """
        name = f'{tracklet:04d}'
        step = self._step.get(name, self.every)
        size = box[2:] - box[:2]
        if frame % step or size[1] < self.options.min_height:
            return
        begin = np.rint(box[:2] - self.options.margin * size).astype(int).clip(0)
        right, bottom = np.rint(box[2:] + self.options.margin * size).astype(int)
        crop = image[begin[1] : bottom, begin[0] : right]
        if not crop.size:
            return
        self._write(self._file(name, frame), cv2.imencode('.jpg', crop)[1].tobytes())
        numbers = [f'{value:.1f}' for value in (*box[:2], *size)]
        row = [self.video, name, str(frame), *numbers, f'{score:.3f}']
        self._rows[name, frame] = row
        self.frames.setdefault(name, []).append(frame)
        while 0 < self.options.max_crops < len(self.frames[name]):
            step *= 2
            self._step[name] = step
            for number in [n for n in self.frames[name] if n % step]:
                self._file(name, number).unlink()
            self.frames[name] = [n for n in self.frames[name] if n % step == 0]

    def finish(self) -> None:
        """Removes tracklets that are too short and writes the index."""
        for name, frames in list(self.frames.items()):
            if len(frames) < self.options.min_length:
                shutil.rmtree(self.folder / name)
                del self.frames[name]
        self.frames = dict(sorted(self.frames.items(), key=lambda item: int(item[0])))
        text = io.StringIO(newline='')
        table = csv.writer(text, lineterminator='\n')
        table.writerow(COLUMNS)
        for name, frames in self.frames.items():
            table.writerows(self._rows[name, frame] for frame in frames)
        self._write(
            self.folder / INDEX, text.getvalue().encode('utf-8', 'surrogateescape')
        )

    def _file(self, name: str, frame: int) -> Path:
        return self.folder / name / f'{frame:06d}.jpg'

    def _write(self, file: Path, content: bytes) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        except OSError as error:
            raise OSError(f'{file} cannot be written: {error.strerror}') from error
