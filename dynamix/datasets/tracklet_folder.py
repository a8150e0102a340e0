from __future__ import annotations

import csv
import os
import re
from typing import Any, ClassVar

import numpy as np

from dynamix.registry import DATASETS

from .image_files import (
    PREPARATION,
    check_names,
    compile_pattern,
    iter_images,
    require,
)
from .image_table import COLUMNS, ImageTable
from .image_table_builder import ImageTableBuilder
from .reid_dataset import ReIDDataset

LAST_NUMBER = re.compile(r'(\d+)\D*$')
LAST_FRAME = np.iinfo(COLUMNS['frame']).max


@DATASETS.register_module()
class TrackletFolder(ReIDDataset):
    """Single-camera crops, labelled by a tracker: ``video/tracklet/frame.jpg``.

    Rows are ordered by video, tracklet and natural order of the frames' names. A data
    set with other names is a subclass that sets the class variables, see
    ``single_camera.py``, or this class with ``pattern``. Each video counts as one
    camera. Ours.

    Args:
        data_root (str): Folder of the data set.
        folder (str, optional): Where the videos are, relative to ``data_root``; they
            may lie in further folders. Defaults to the class's ``FOLDER`` (the root
            here).
        pattern (str, optional): Regular expression that is searched in ``'/' +
            path``, the path being relative to ``folder``, with the groups ``video``,
            ``tracklet``, ``frame`` and, where the truth is known, ``person``.
        frames_are_clock (bool, optional): Whether equal frame numbers within a video
            mean the same moment, so that their tracklets are two people. Set it only
            when the tracker wrote the video's own frame numbers; numbers that count
            within a tracklet would prove nothing. Defaults to the class's
            ``FRAMES_ARE_CLOCK`` (False here).
        truth (str, optional): CSV file, relative to ``data_root``, with the columns
            ``video``, ``tracklet`` and ``person``: the true identity of each
            tracklet, empty where unknown, for scoring only.
        **kwargs: Of :class:`ReIDDataset`.

    Raises:
        ValueError: If the pattern lacks a group.
    """

    NAME: ClassVar[str] = 'tracklet_folder'
    PATTERN: ClassVar[str] = r'/(?P<video>.+)/(?P<tracklet>[^/]+)/(?P<frame>[^/]+)\.'
    FOLDER: ClassVar[str] = ''
    EXAMPLE: ClassVar[str] = 'video_01/tracklet_0007/000123.jpg'
    FRAMES_ARE_CLOCK: ClassVar[bool] = False
    UNKNOWN_PEOPLE: ClassVar[tuple[str, ...]] = ()
    kind = 'single_camera'

    def __init__(
        self,
        data_root: str,
        folder: str | None = None,
        pattern: str | None = None,
        frames_are_clock: bool | None = None,
        truth: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_root, **kwargs)
        self.folder = self.FOLDER if folder is None else os.path.expanduser(folder)
        self.pattern = compile_pattern(
            self.name, pattern or self.PATTERN, ('video', 'tracklet', 'frame')
        )
        if frames_are_clock is None:
            frames_are_clock = self.FRAMES_ARE_CLOCK
        self.frames_are_clock = frames_are_clock
        self.truth_file = None if truth is None else os.path.expanduser(truth)

    def fingerprint(self) -> dict[str, Any]:
        return dict(
            super().fingerprint(),
            folder=self.folder,
            pattern=self.pattern.pattern,
            frames_are_clock=self.frames_are_clock,
            truth=self.truth_file,
        )

    def build_table(self) -> ImageTable:
        folder = os.path.join(self.data_root, self.folder)
        require(folder, self.name, f'crops named like {self.EXAMPLE}')
        builder = ImageTableBuilder(os.path.abspath(self.data_root))
        videos: dict[str, int] = {}
        tracklets: dict[tuple[str, str], int] = {}
        people = self._read_truth(builder)
        wrong: list[str] = []
        seen = 0
        for name in iter_images(builder, self.folder):
            seen += 1
            match = self.pattern.search('/' + name)
            if match is None or None in match.group('video', 'tracklet', 'frame'):
                wrong.append(name)
                continue
            video, tracklet = key = match['video'], match['tracklet']
            if 'person' in self.pattern.groupindex:
                people[key] = match['person'] or ''
            builder.add(
                os.path.join(self.folder, name),
                tracklets.setdefault(key, len(tracklets)),
                video=videos.setdefault(video, len(videos)),
                frame=self._frame(name, match) if self.frames_are_clock else -1,
            )
        if not seen:
            raise ValueError(
                f'{self.name}: there is no image in {os.path.abspath(folder)}, which '
                f'should hold crops named like {self.EXAMPLE}{builder.other_files()}; '
                f'{PREPARATION}.'
            )
        check_names(self.name, folder, wrong, seen, self.pattern.pattern, self.EXAMPLE)
        if people and not people.keys() & tracklets.keys():
            raise ValueError(
                f'{self.name}: {self.truth_file} names no tracklet that is there; its '
                f'first is {next(iter(people))}, that of the images '
                f'{next(iter(tracklets))} (video, tracklet).'
            )
        names = list(tracklets)
        order = np.lexsort([builder.column(c) for c in ('frame', 'identity', 'video')])
        tracklet = builder.column('identity')[order]
        begins = np.flatnonzero(np.diff(tracklet, prepend=-1))
        known = {*people.values()} - {'', *self.UNKNOWN_PEOPLE}
        numbers = {person: i for i, person in enumerate(sorted(known))}
        return builder.build(
            order=order,
            info=dict(
                truth=[
                    numbers.get(people.get(names[t], ''), -1)
                    for t in tracklet[begins].tolist()
                ]
                if people
                else None
            ),
            identity=np.repeat(
                np.arange(len(begins)), np.diff(begins, append=len(tracklet))
            ),
        )

    def read_table(self) -> None:
        truth = self.table.info['truth']
        if truth is not None:
            self.truth = np.array(truth, np.int32)[self.table.identity]

    def _frame(self, name: str, match: re.Match) -> int:
        number = LAST_NUMBER.search(match['frame'])
        if number is None:
            raise ValueError(
                f'{self.name}: `frames_are_clock` is set, but there is no number in '
                f'{match["frame"]!r}, the frame of {name}.'
            )
        frame = int(number[1])
        if frame > LAST_FRAME:
            raise ValueError(
                f'{self.name}: `frames_are_clock` is set, but the frame of {name} is '
                f'{frame}: numbers of frames go to {LAST_FRAME}.'
            )
        return frame

    def _read_truth(self, builder: ImageTableBuilder) -> dict[tuple[str, str], str]:
        if self.truth_file is None:
            return {}
        file = os.path.join(self.data_root, self.truth_file)
        require(file, self.name, 'the columns video, tracklet and person')
        builder.watch(self.truth_file)
        # Undecodable bytes become what they are in the names of folders.
        with open(
            file, newline='', encoding='utf-8-sig', errors='surrogateescape'
        ) as stream:
            rows = csv.DictReader(stream, restval='')
            lacking = {'video', 'tracklet', 'person'} - set(rows.fieldnames or ())
            if lacking:
                raise ValueError(
                    f'{self.name}: {file} has the columns {rows.fieldnames}, but '
                    f'{sorted(lacking)} are missing.'
                )
            return {(row['video'], row['tracklet']): row['person'] for row in rows}
