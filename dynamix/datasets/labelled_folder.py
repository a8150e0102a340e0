from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from dynamix.config_checks import check_keys
from dynamix.registry import DATASETS

from .image_files import (
    PREPARATION,
    compile_pattern,
    complain_about_names,
    iter_images,
    natural_key,
    require,
)
from .image_table import COLUMNS, ImageTable
from .image_table_builder import ImageTableBuilder
from .reid_dataset import ReIDDataset

Label = int | str


@DATASETS.register_module()
class LabelledFolder(ReIDDataset):
    """Multi-camera crops whose paths say who it is and which camera saw it.

    Reads ``<person>/<anything>`` below ``train``, ``query`` and ``gallery``; a file
    name ``c<number>_<anything>``, or a folder ``c<number>`` in between, names the
    camera. A data set with other names is a subclass that sets the class variables,
    see ``multi_camera.py``, or this class with ``folders`` and ``pattern``. Ours.

    Training splits number identities and cameras ``0, 1, ...`` in natural order of
    their labels. People of the training and of the test part are different people,
    also where both parts count from 0. The test split keeps the data set's numbers
    (labels that are no numbers, or too large ones, are numbered from 1). Junk is left
    out everywhere, distractors are left out of training.

    Args:
        data_root (str): Folder of the data set.
        split (str): ``'train'``, ``'test'`` (queries and gallery, for evaluation) or
            ``'all'`` (all images with a label, for training). Defaults to
            ``'train'``.
        folders (dict[str, str], optional): Replaces single folders of the layout,
            e.g. ``dict(query='probe')``.
        pattern (str, optional): Regular expression that is searched in
            ``'/' + path``, the path being relative to the part's folder, with the
            groups ``identity`` and, where cameras are known, ``camera``.
        **kwargs: Of :class:`ReIDDataset`.

    Raises:
        ValueError: If the split is unknown or the pattern lacks its group.
        TypeError: If a key of ``folders`` is unknown.
    """

    NAME: ClassVar[str] = 'labelled_folder'
    FOLDERS: ClassVar[dict[str, str]] = dict(
        train='train', query='query', gallery='gallery'
    )
    SPLITS: ClassVar[dict[str, tuple[str, ...]]] = dict(
        train=('train',),
        test=('query', 'gallery'),
        all=('train', 'query', 'gallery'),
    )
    PATTERN: ClassVar[str] = (
        r'/(?P<identity>[^/]+)/(?:(?:[^/]+/)*?c(?P<camera>\d+)[_/])?'
    )
    EXAMPLE: ClassVar[str] = 'anna/c3_000151.jpg'
    JUNK: ClassVar[tuple[Label, ...]] = ()
    DISTRACTORS: ClassVar[tuple[Label, ...]] = ()

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        folders: dict[str, str] | None = None,
        pattern: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_root, **kwargs)
        if split not in self.SPLITS:
            raise ValueError(
                f'{self.name}: unknown split {split!r}, expected one of '
                f'{sorted(self.SPLITS)}.'
            )
        check_keys(f'{self.name}.folders', folders or (), self.FOLDERS)
        self.split = split
        self.folders = {**self.FOLDERS, **(folders or {})}
        self.pattern = compile_pattern(
            self.name, pattern or self.PATTERN, ('identity',)
        )

    @property
    def is_test(self) -> bool:
        """Whether this is an evaluation set."""
        return self.split == 'test'

    def fingerprint(self) -> dict[str, Any]:
        return dict(
            super().fingerprint(),
            split=self.split,
            folders=self.folders,
            pattern=self.pattern.pattern,
        )

    def label(self, part: str, match: re.Match) -> tuple[Label, Label]:
        """Hook of subclasses: who and which camera a matched name means.

        Args:
            part (str): Key of ``folders``.
            match (re.Match): Of the pattern.

        Returns:
            tuple: Identity and camera. An identity means the same person in all
            parts, except between ``'train'`` and the others.
        """
        groups = match.groupdict()
        return as_label(groups['identity']), as_label(groups.get('camera') or '0')

    def part_images(
        self, builder: ImageTableBuilder, part: str
    ) -> Iterator[tuple[str, str]]:
        """Hook of subclasses: the images of one part.

        Args:
            builder (ImageTableBuilder): Is told what is read.
            part (str): Key of ``folders``.

        Yields:
            tuple[str, str]: Path relative to the root, and the name that the pattern
            is matched with.
        """
        folder = self.folders[part]
        require(
            os.path.join(self.data_root, folder),
            self.name,
            f'the {part} images, named like {self.EXAMPLE}',
        )
        for name in iter_images(builder, folder):
            yield os.path.join(folder, name), '/' + name

    def build_table(self) -> ImageTable:
        builder = ImageTableBuilder(os.path.abspath(self.data_root))
        identities: dict[tuple[bool, Label], int] = {}
        cameras: dict[tuple[bool, Label], int] = {}
        parts: dict[str, list[int]] = {}
        wrong: list[str] = []
        seen = 0
        left_out = {*self.JUNK, *(() if self.is_test else self.DISTRACTORS)}
        for part in self.SPLITS[self.split]:
            first, seen_before = len(builder), seen
            for path, name in self.part_images(builder, part):
                seen += 1
                match = self.pattern.search(name)
                if match is None:
                    wrong.append(path)
                    continue
                identity, camera = self.label(part, match)
                if identity in left_out:
                    continue
                builder.add(
                    path,
                    identities.setdefault((part != 'train', identity), len(identities)),
                    cameras.setdefault((False, camera), len(cameras)),
                )
            if seen == seen_before:
                folder = os.path.join(builder.root, self.folders[part])
                raise ValueError(
                    f'{self.name}: there is no image in {folder}, which should hold '
                    f'the {part} images, named like {self.EXAMPLE}; {PREPARATION}.'
                )
            parts[part] = [first, len(builder)]
        complain_about_names(
            self.name, self.data_root, wrong, seen, self.pattern.pattern, self.EXAMPLE
        )
        return builder.build(
            info=dict(parts=parts),
            identity=self._numbers('identity', identities)[builder.column('identity')],
            camera=self._numbers('camera', cameras)[builder.column('camera')],
        )

    def _numbers(self, column: str, codes: dict[tuple[bool, Label], int]) -> np.ndarray:
        """``[len(codes)]``: the number in the table of each code given out."""
        keys = sorted(codes, key=lambda key: (key[0], natural_key(str(key[1]))))
        numbers = np.zeros(len(codes), np.int64)
        largest = np.iinfo(COLUMNS[column]).max
        keep = self.is_test and all(
            isinstance(label, int) and label <= largest for _, label in keys
        )
        first = 1 if self.is_test else 0
        for place, key in enumerate(keys):
            numbers[codes[key]] = key[1] if keep else first + place
        return numbers

    def read_table(self) -> None:
        if self.is_test:
            self.set_splits(self.splits())

    def splits(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Hook of subclasses: queries and gallery, as :meth:`set_splits` takes them."""
        return [(self.in_part('query'), self.in_part('gallery'))]

    def in_part(self, part: str) -> np.ndarray:
        """``[n]`` booleans: whether a row of the table is of this part."""
        rows = np.zeros(len(self.table), bool)
        rows[slice(*self.table.info['parts'][part])] = True
        return rows


def as_label(text: str) -> Label:
    """A label as a number where it is one: ``'0042'`` and ``'42'`` are the same."""
    return int(text) if re.fullmatch(r'-?\d+', text) else text
