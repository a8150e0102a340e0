from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

# What is shown may fall short of the file's duration by so much, which may be that of
# the sound, before the file is called incomplete.
_TOLERANCE = 0.05


class VideoFrames:
    """Frames of a video file, or of a folder of images in natural order of their names.

    Iterating yields ``(number, image)``: the frame's number, counted from 0 in the
    order of decoding whatever the times of the frames are, and the image, ``[H, W, 3]``
    uint8 BGR, turned upright as the file's metadata say. Frames that cannot be decoded
    are left out.

    Args:
        path (str | Path): Video file or folder.
        frame_rate (float): Frames per second where the file does not say. Defaults
            to 25.

    Attributes:
        frame_rate (float): Frames per second, on average.
        length (int): About how many frames there are; 0: unknown.
        damage (str): What was missing when all was read; ``''``: nothing.

    Raises:
        ValueError: If the file is no video or has no video stream; if, when all was
            read, there was no frame.
        ImportError: If PyAV is missing.
    """

    def __init__(self, path: str | Path, frame_rate: float = 25.0) -> None:
        self.path = Path(path)
        self.frame_rate = frame_rate
        self.damage = ''
        self._frames = self._errors = 0
        self._seconds = self._shown = 0.0
        if self.path.is_dir():
            self.length = self._frames = len(self._images())
        else:
            with self._open() as container:
                stream = container.streams.video[0]
                rate = stream.average_rate or stream.guessed_rate
                if rate:
                    self.frame_rate = float(rate)
                self._frames = stream.frames
                self._seconds = (container.duration or 0) / 1e6  # of microseconds
                self.length = self._frames or int(self._seconds * self.frame_rate)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        read = 0
        for number, image in self._read() if self.path.is_dir() else self._decode():
            read += 1
            yield number, image
        if not read:
            raise ValueError(f'{self.path}: not one frame can be decoded.')
        if self._frames:
            whole = read >= self._frames
        else:
            whole = self._shown >= self._seconds * (1 - _TOLERANCE)
        if self._errors or not whole:
            of_all = f' of {self._frames}' if self._frames else ''
            self.damage = (
                f'{self.path} is damaged or cut off: {read}{of_all} frames could be '
                'decoded'
            )

    def _images(self) -> list[Path]:
        # brings PyTorch, which takes seconds and parallel processes need not
        from dynamix.datasets.image_files import IMAGE_SUFFIXES, natural_key

        found = [
            file
            for file in self.path.iterdir()
            if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith('.')
        ]
        return sorted(found, key=lambda file: natural_key(file.name))

    def _read(self) -> Iterator[tuple[int, np.ndarray]]:
        for number, file in enumerate(self._images()):
            image = cv2.imread(str(file))
            if image is not None:
                yield number, image

    def _decode(self) -> Iterator[tuple[int, np.ndarray]]:
        from av import FFmpegError

        number = self._errors = 0
        begin = None
        with self._open() as container:
            packets = container.demux(container.streams.video[0])
            while True:
                try:
                    frames = next(packets).decode()
                except StopIteration:
                    return
                except FFmpegError:
                    self._errors += 1
                    continue
                for frame in frames:
                    image = frame.to_ndarray(format='bgr24')
                    turns = frame.rotation // 90  # counter-clockwise
                    yield number, np.ascontiguousarray(np.rot90(image, turns))
                    number += 1
                    if frame.time is not None:
                        begin = frame.time if begin is None else begin
                        self._shown = frame.time - begin + 1 / self.frame_rate

    def _open(self) -> Any:
        try:
            import av
        except ImportError as error:
            raise ImportError(
                f'{self.path}: videos are decoded by PyAV, which is missing: '
                'pip install -e ".[video]"'
            ) from error
        try:
            container = av.open(str(self.path))
        except av.FFmpegError as error:
            raise ValueError(
                f'{self.path} cannot be read as a video: {error.strerror}.'
            ) from error
        if not container.streams.video:
            container.close()
            raise ValueError(f'{self.path} has no video stream.')
        return container
