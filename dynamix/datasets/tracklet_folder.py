from __future__ import annotations

import csv
import os
import re
from typing import Any, ClassVar

import numpy as np

from dynamix.registry import DATASETS

from .folder_reader import FolderReader
from .image_table import COLUMNS, ImageTable
from .image_table_builder import ImageTableBuilder

LAST_NUMBER = re.compile(r'(\d+)\D*$')
LAST_FRAME = np.iinfo(COLUMNS['frame']).max


@DATASETS.register_module()
class TrackletFolder(FolderReader):
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
        pattern (str, optional): See :class:`FolderReader`; with the groups ``video``,
            ``tracklet``, ``frame`` and, where the truth is known, ``person``.
        frames_are_clock (bool, optional): Whether equal frame numbers within a video
            mean the same moment, so that tracklets that share more than a fifth of
            their time are two people. Set it only when the tracker wrote the video's
            own frame numbers; numbers that count within a tracklet would prove
            nothing. Defaults to the class's ``FRAMES_ARE_CLOCK`` (False here).
        truth (str, optional): CSV file, relative to ``data_root``, with the columns
            ``video``, ``tracklet`` and ``person``: the true identity of each
            tracklet, empty where unknown, for scoring only.
        **kwargs: Of :class:`ReIDDataset`.

    Attributes:
        COUNTS (Counts): Numbers of ``images``, ``tracklets``, ``videos`` and
            ``people`` of ``'all'``.

    Raises:
        ValueError: If the pattern lacks a group.
    """

    NAME: ClassVar[str] = 'tracklet_folder'
    PATTERN: ClassVar[str] = r'/(?P<video>.+)/(?P<tracklet>[^/]+)/(?P<frame>[^/]+)\.'
    GROUPS: ClassVar[tuple[str, ...]] = ('video', 'tracklet', 'frame')
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
        super().__init__(data_root, pattern, **kwargs)
        self.folder = self.FOLDER if folder is None else os.path.expanduser(folder)
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
        builder = ImageTableBuilder(self.image_root)
        videos: dict[str, int] = {}
        tracklets: dict[tuple[str, str], int] = {}
        people = self._read_truth(builder)
        wrong: list[str] = []
        holds = f'crops named like {self.EXAMPLE}'
        for name in self.find_images(builder, self.folder, holds):
            match = self.pattern.search('/' + name)
            if match is None or None in match.group(*self.GROUPS):
                wrong.append(os.path.join(self.folder, name))
                continue
            key = match['video'], match['tracklet']
            if 'person' in self.pattern.groupindex:
                people[key] = match['person'] or ''
            builder.add(
                os.path.join(self.folder, name),
                tracklets.setdefault(key, len(tracklets)),
                video=videos.setdefault(match['video'], len(videos)),
                frame=self._frame(name, match) if self.frames_are_clock else -1,
            )
        self.check_names(builder, wrong)
        if people and not people.keys() & tracklets.keys():
            raise ValueError(
                f'{self.name}: {self.truth_file} names no tracklet that is there; its '
                f'first is {next(iter(people))}, that of the images '
                f'{next(iter(tracklets))} (video, tracklet).'
            )
        truth = None
        if people:
            known = {*people.values()} - {'', *self.UNKNOWN_PEOPLE}
            numbers = {person: i for i, person in enumerate(sorted(known))}
            person = [numbers.get(people.get(key, ''), -1) for key in tracklets]
            truth = np.array(person)[builder.column('identity')]
        return build_tracklets(builder, truth)

    def read_table(self) -> None:
        self.truth = self.table.arrays.get('truth')
        table = self.table
        people = () if self.truth is None else np.unique(self.truth).tolist()
        found = dict(
            images=len(table),
            tracklets=len(np.unique(table.identity)),
            videos=len(np.unique(table.video)),
            people=len({*people} - {-1}),
        )
        self.compare_counts(dict(all=found))

    def _frame(self, name: str, match: re.Match) -> int:
        number = LAST_NUMBER.search(match['frame'])
        if number is None or int(number[1]) > LAST_FRAME:
            raise ValueError(
                f'{self.name}: `frames_are_clock` is set, but {match["frame"]!r}, the '
                f'frame of {name}, has no number from 0 to {LAST_FRAME}.'
            )
        return int(number[1])

    def _read_truth(self, builder: ImageTableBuilder) -> dict[tuple[str, str], str]:
        if self.truth_file is None:
            return {}
        file = self.require(self.truth_file, 'the columns video, tracklet and person')
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


def build_tracklets(builder: ImageTableBuilder, truth: np.ndarray | None) -> ImageTable:
    """The table of what was collected, by video, tracklet and clock.

    Tracklets are numbered ``0, 1, ...`` in that order; ``truth``, the true identity of
    each image if known, is kept as a further array.
    """
    order = np.lexsort([builder.column(c) for c in ('frame', 'identity', 'video')])
    begins = np.diff(builder.column('identity')[order], prepend=-1) != 0
    table = builder.build(order=order, identity=np.cumsum(begins) - 1)
    if truth is not None:
        table.arrays['truth'] = truth[order].astype(np.int32)
    return table
