"""Readers of the beds that start from OSNet: a tracked video, and a held-out part."""

from __future__ import annotations

import os
import re
from typing import Any

import cv2
import numpy as np

from dynamix.datasets import ImageTable, Market1501, ReIDDataset
from dynamix.datasets.label_checks import JUNK
from dynamix.registry import DATASETS

PARTS = 4


@DATASETS.register_module()
class TrackedVideo(ReIDDataset):
    """People cut out of one video by the boxes of a tracker, with the truth.

    The crops are kept in memory.

    Args:
        data_root (str): Folder of the data.
        video (str): Video file, relative to ``data_root``.
        boxes (str): CSV file, relative to ``data_root``, with the columns ``frame``
            (from 0), ``track``, ``x``, ``y``, ``width``, ``height`` (pixels) and
            ``person`` (the truth of the box, for scoring; -1: unknown).
        **kwargs: Of :class:`ReIDDataset`.
    """

    NAME = 'tracked_video'
    CACHED = False
    kind = 'single_camera'

    def __init__(self, data_root: str, video: str, boxes: str, **kwargs: Any) -> None:
        super().__init__(data_root, **kwargs)
        self.video, self.boxes = video, boxes

    def build_table(self) -> ImageTable:
        """Cuts the crops and writes the table, ordered by track and frame."""
        file = os.path.join(self.data_root, self.boxes)
        rows = np.genfromtxt(file, delimiter=',', names=True)
        rows = rows[np.lexsort([rows['frame'], rows['track']])]
        frame = rows['frame'].astype(int)
        begin = np.stack([rows['x'], rows['y']], 1)
        end = begin + np.stack([rows['width'], rows['height']], 1)
        corners = np.concatenate([begin, end], 1).round().astype(int).clip(0)
        self.crops = [np.empty(0, np.uint8)] * len(rows)
        capture = cv2.VideoCapture(os.path.join(self.data_root, self.video))
        for number in range(frame.max() + 1):
            found, image = capture.read()
            if not found:
                raise ValueError(f'{self.video} has no frame {number}.')
            for row in np.flatnonzero(frame == number):
                left, top, right, bottom = corners[row]
                self.crops[row] = image[top:bottom, left:right].copy()
        self.truth = rows['person'].astype(np.int32)
        return ImageTable.from_columns(
            rows['track'].astype(int),
            video=0,
            frame=frame,
            paths=(f'{self.video}#{number}' for number in frame),
            root=self.data_root,
        )

    def get_data_info(self, index: int) -> dict[str, Any]:
        return dict(super().get_data_info(index), img=self.crops[index])


@DATASETS.register_module()
class Market1501Part(Market1501):
    """A part of the people of Market-1501's training images.

    Args:
        data_root (str): Folder of the data.
        held_out (bool): Whether this is an evaluation set of the people whose number
            is divisible by four, each of whose images is searched for in all others,
            or a training set of the other people.
        **kwargs: Of :class:`Market1501`.
    """

    def __init__(self, data_root: str, held_out: bool, **kwargs: Any) -> None:
        super().__init__(data_root, **kwargs)
        self.held_out = held_out

    def fingerprint(self) -> dict[str, Any]:
        return dict(super().fingerprint(), held_out=self.held_out)

    def label(self, part: str, match: re.Match) -> tuple:
        person, camera = super().label(part, match)
        return person if (person % PARTS == 0) == self.held_out else JUNK, camera

    def read_table(self) -> None:
        super().read_table()
        if self.held_out:
            everyone = np.ones(len(self.table), bool)
            self.set_splits([(everyone, everyone)])
