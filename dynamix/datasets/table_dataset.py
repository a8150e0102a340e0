from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from dynamix.registry import DATASETS

from .image_table import ImageTable
from .image_table_builder import ImageTableBuilder
from .label_checks import JUNK, Label, as_label
from .labelled_folder import LabelledFolder
from .table_rows import Row, TableRows
from .tracklet_folder import LAST_FRAME, build_tracklets


@DATASETS.register_module()
class TableDataset(LabelledFolder):
    """Crops that a CSV or Parquet file lists, labelled by people or by a tracker.

    The columns, in any order and beside others:

    * ``path``: of the image, relative to ``data_root``.
    * ``person`` and, if cameras are known, ``camera``: labels as in
      :class:`LabelledFolder`, with the same junk and distractors. Where tracklets are
      the labels, ``person`` is the truth, for scoring only; empty or junk: unknown.
    * ``tracklet``: of a ``video``; without that column all are of one video.
    * ``frame``: whole number, used if ``frames_are_clock``.
    * ``split``: ``train``, ``query`` or ``gallery``; without it all is ``train``.

    Rows of a tracklet are ordered by the clock, or else as in the file. Ours.

    Args:
        table (str): The file, relative to ``data_root`` if that is given; see
            :class:`TableRows`.
        data_root (str, optional): Folder or LMDB that paths are relative to. Defaults
            to the folder of ``table``.
        labels (str): The column of the labels: ``'person'`` (multi-camera data) or
            ``'tracklet'`` (single-camera data). Defaults to ``'person'``.
        split (str): See :class:`LabelledFolder`; of tracklets ``'train'`` or
            ``'all'``. Defaults to ``'train'``.
        frames_are_clock (bool): See :class:`TrackletFolder`. Defaults to False.
        **kwargs: Of :class:`LabelledFolder`, without ``folders`` and ``pattern``.

    Raises:
        ValueError: If ``labels`` or the split is unknown; in :meth:`full_init` if a
            column is missing or a cell is wrong, with its line.
        TypeError: If ``folders`` or ``pattern`` is given.
    """

    NAME: ClassVar[str] = 'table'
    USED: ClassVar[dict[str, tuple[str, ...]]] = dict(
        person=('path', 'split', 'person', 'camera'),
        tracklet=('path', 'split', 'tracklet', 'video', 'frame', 'person'),
    )

    def __init__(
        self,
        table: str,
        data_root: str | None = None,
        labels: str = 'person',
        split: str = 'train',
        frames_are_clock: bool = False,
        **kwargs: Any,
    ) -> None:
        wrong = {'folders', 'pattern'} & {*kwargs}
        if wrong:
            raise TypeError(f'TableDataset takes no {" and no ".join(sorted(wrong))}.')
        table = os.path.expanduser(table)
        if data_root is None:
            data_root, table = os.path.split(table)
        super().__init__(data_root, split, **kwargs)
        if labels not in self.USED:
            raise ValueError(
                f'{self.name}.labels must be one of {[*self.USED]}, but got {labels!r}.'
            )
        if labels == 'tracklet' and (self.is_test or self.holdout is not None):
            raise ValueError(
                f"{self.name}: split='test' and holdout need people: set "
                "labels='person'."
            )
        self.table_file = table
        self.labelled_by = labels
        self.kind = 'multi_camera' if labels == 'person' else 'single_camera'
        self.frames_are_clock = frames_are_clock

    def fingerprint(self) -> dict[str, Any]:
        return dict(
            super().fingerprint(),
            table=self.table_file,
            labels=self.labelled_by,
            frames_are_clock=self.frames_are_clock,
        )

    def rows(self, builder: ImageTableBuilder, part: str) -> Iterator[Row]:
        """Reads one part and checks it.

        Yields:
            tuple: Texts of the columns of :attr:`USED`; None for a column that is not
            there.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If a column is missing, a cell is empty, a split unknown, or two
                rows have the same path; names the row.
        """
        names = self.USED[self.labelled_by]
        file = self.require(self.table_file, f'the columns {", ".join(names)}')
        builder.watch(self.table_file)
        table = TableRows(file)
        self._check_columns(table)
        may_be_empty = 'person' if self.labelled_by == 'tracklet' else None
        needs_frame = self.kind == 'single_camera' and self.frames_are_clock
        hashes = array('q')
        for number, row in table.read(names):
            split = row[1]
            if '' in row:
                for name, cell in zip(names, row):
                    if cell == '' and name != may_be_empty:
                        raise ValueError(
                            f'{self.name}: {table.where(number)}: {name} is empty.'
                        )
            if split is not None and split not in self.FOLDERS:
                raise ValueError(
                    f'{self.name}: {table.where(number)}: split is {split!r}, expected '
                    f'{", ".join(self.FOLDERS)}.'
                )
            if needs_frame and not _is_frame(row[4]):
                raise ValueError(
                    f'{self.name}: {table.where(number)}: frame is {row[4]!r}, '
                    f'expected a whole number from 0 to {LAST_FRAME}.'
                )
            if (split or 'train') == part:
                hashes.append(hash(row[0]))
                yield row
        self._check_paths(table, part, np.array(hashes))

    def _check_columns(self, table: TableRows) -> None:
        needed = {'path', self.labelled_by}
        if self.split == 'test':
            needed.add('split')
        if self.frames_are_clock and self.kind == 'single_camera':
            needed.add('frame')
        lacking = sorted(needed - {*table.columns})
        if lacking:
            raise ValueError(
                f'{self.name}: {table.file} has the columns '
                f'{", ".join(table.columns) or "none"}, but {", ".join(lacking)} '
                f"is missing for labels='{self.labelled_by}', split='{self.split}'"
                f'{", frames_are_clock=True" if "frame" in needed else ""}.'
            )

    def _check_paths(self, table: TableRows, part: str, hashes: np.ndarray) -> None:
        values, counts = np.unique(hashes, return_counts=True)
        suspects = {*values[counts > 1].tolist()}
        seen: dict[str | None, int] = {}
        for number, (path, split) in table.read(('path', 'split')) if suspects else ():
            if (split or 'train') != part or hash(path) not in suspects:
                continue
            if path in seen:
                raise ValueError(
                    f'{self.name}: {table.where(number)}: the path {path!r} is that of '
                    f'{table.where(seen[path])}, too.'
                )
            seen[path] = number

    def crops(
        self, builder: ImageTableBuilder, part: str
    ) -> Iterator[tuple[str, Label | None, Label | None, str]]:
        for path, _, person, camera in self.rows(builder, part):
            assert path is not None
            assert person is not None
            if camera is None:
                yield path, as_label(person), None, ''
            else:
                yield path, as_label(person), as_label(camera), 'the column camera'

    def build_table(self) -> ImageTable:
        if self.kind == 'multi_camera':
            return super().build_table()
        builder = ImageTableBuilder(self.image_root)
        videos: dict[str | None, int] = {}
        tracklets: dict[tuple[str | None, str | None], int] = {}
        people: dict[Label, int] = {'': -1, JUNK: -1}
        truth = array('i')
        for part in self.parts:
            for path, _, tracklet, video, frame, person in self.rows(builder, part):
                assert path is not None
                builder.add(
                    path,
                    tracklets.setdefault((video, tracklet), len(tracklets)),
                    video=videos.setdefault(video, len(videos)),
                    frame=int(frame or -1) if self.frames_are_clock else -1,
                )
                if person is not None:
                    truth.append(people.setdefault(as_label(person), len(people) - 2))
        return build_tracklets(builder, np.array(truth) if truth else None)

    def read_table(self) -> None:
        if self.kind == 'multi_camera':
            super().read_table()
        else:
            self.truth = self.table.arrays.get('truth')


def _is_frame(text: str | None) -> bool:
    return text is not None and text.isdecimal() and int(text) <= LAST_FRAME
