from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from dynamix.config_checks import check_keys, check_rate
from dynamix.registry import DATASETS

from .camera_names import check_cameras, person_and_camera, spelling
from .folder_reader import FolderReader
from .holdout import find_held_out, pick_queries
from .image_files import natural_key
from .image_table import COLUMNS, ImageTable
from .image_table_builder import ImageTableBuilder
from .label_checks import JUNK, Label, as_label, find_distractors
from .official_counts import count_parts


@DATASETS.register_module()
class LabelledFolder(FolderReader):
    """Multi-camera crops whose paths name the person and the camera.

    Reads ``<person>/<anything>`` below ``train``, ``query`` and ``gallery``, or
    ``<camera>/<person>/<anything>``. The camera is found in the names of files and
    folders in the usual spellings: ``c1_``, ``cam1_``, ``c1s1_``, ``Cam1/`` and so on,
    see ``docs/data.md``. A data set with other names is a subclass that sets the class
    variables, see ``multi_camera.py``, or this class with ``folders`` and ``pattern``.
    Ours.

    Training splits number identities and cameras ``0, 1, ...`` in natural order of
    their labels; junk and distractors (see :func:`find_distractors`) are left out. The
    test split keeps the data set's numbers, junk is -1 (labels that are no numbers, or
    too large ones, are numbered from 1). People of the training and of the test part
    are different people, also where both parts count from 0.

    Args:
        data_root (str): Folder of the data set.
        split (str): ``'train'``, ``'test'`` (queries and gallery, for evaluation),
            ``'all'`` (all images with a label, for training) or ``'holdout'``.
            Defaults to ``'train'``.
        folders (dict[str, str], optional): Replaces single folders of the layout,
            e.g. ``dict(query='probe')``.
        pattern (str, optional): See :class:`FolderReader`; with the groups
            ``identity`` and, where cameras are known, ``camera``.
        holdout (float, optional): Share of the training people, in 0..1, that is left
            out of ``'train'`` and ``'all'`` and makes up the evaluation set
            ``'holdout'``; see :func:`is_held_out` and :func:`pick_queries`. Defaults
            to None.
        **kwargs: Of :class:`ReIDDataset`; ``name`` of ``split='holdout'`` defaults to
            the class's with ``_holdout``.

    Attributes:
        JUNK (tuple): Labels that are left out of all splits.
        DISTRACTORS (tuple): Labels that are left out of training.
        COUNTS (Counts): Numbers of ``images``, ``identities`` and ``cameras``. Junk
            does not count; distractors are images, but no identities.

    Raises:
        ValueError: If the split is unknown, or none that ``holdout`` has to do with,
            or the pattern lacks its group; in :meth:`full_init` if too few people are
            held out to rank, or left to train on.
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
    PATTERN: ClassVar[str] = r'/(?P<identity>[^/]+)/'
    GROUPS: ClassVar[tuple[str, ...]] = ('identity',)
    EXAMPLE: ClassVar[str] = 'anna/c3_000151.jpg'
    JUNK: ClassVar[tuple[Label, ...]] = ()
    DISTRACTORS: ClassVar[tuple[Label, ...]] = ()

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        folders: dict[str, str] | None = None,
        pattern: str | None = None,
        holdout: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_root, pattern, **kwargs)
        splits = dict(self.SPLITS)
        has_train = 'train' in splits
        if has_train:
            splits['holdout'] = splits['train']
        if split not in splits:
            raise ValueError(
                f'{self.name}: unknown split {split!r}, expected one of '
                f'{sorted(splits)}.'
            )
        if holdout is None:
            fits = split != 'holdout'
        else:
            check_rate(f'{self.name}.holdout', holdout)
            fits = has_train and split != 'test'
        if not fits:
            raise ValueError(
                f"{self.name}: `holdout` is the share of the people of split 'train' "
                "who are left out of training ('train' and 'all') and make up split "
                f"'holdout', but got holdout={holdout} with split={split!r}."
            )
        if split == 'holdout' and not kwargs.get('name'):
            self.name += '_holdout'
        self.holdout = holdout
        self.parts = splits[split]
        check_keys(f'{self.name}.folders', folders or (), self.FOLDERS)
        self.split = split
        self.folders = {
            part: os.path.expanduser(folder)
            for part, folder in {**self.FOLDERS, **(folders or {})}.items()
        }
        self.usual_names = not pattern and self.PATTERN == LabelledFolder.PATTERN

    @property
    def is_test(self) -> bool:
        """Whether this is an evaluation set."""
        return self.split in ('test', 'holdout')

    def fingerprint(self) -> dict[str, Any]:
        return dict(
            super().fingerprint(),
            split=self.split,
            holdout=self.holdout,
            parts=self.parts,
            folders=self.folders,
            pattern=None if self.usual_names else self.pattern.pattern,
            junk=self.JUNK,
            distractors=self.DISTRACTORS,
        )

    def label(self, part: str, match: re.Match) -> tuple[Label, Label | None]:
        """Hook of subclasses: identity and camera of a matched name.

        Args:
            part (str): Key of ``folders``.
            match (re.Match): Of the pattern.

        Returns:
            tuple: Identity, and camera or None. An identity means the same person in
            all parts, except between ``'train'`` and the others.
        """
        camera = match.groupdict().get('camera')
        return as_label(match['identity']), as_label(camera) if camera else None

    def part_images(
        self, builder: ImageTableBuilder, part: str
    ) -> Iterator[tuple[str, str]]:
        """Hook of subclasses: the images of one part, a key of ``folders``.

        Yields:
            tuple[str, str]: Path relative to the root, and the name that the pattern
            is matched with.
        """
        folder = self.folders[part]
        holds = f'the {part} images, named like {self.EXAMPLE}'
        for name in self.find_images(builder, folder, holds):
            yield os.path.join(folder, name), '/' + name

    def crops(
        self, builder: ImageTableBuilder, part: str
    ) -> Iterator[tuple[str, Label | None, Label | None, str]]:
        """Reads the labels of one part.

        Yields:
            tuple: Path relative to the root, identity (None where the name cannot be
            read), camera or None, and how the path spells it.
        """
        for path, name in self.part_images(builder, part):
            match = self.pattern.search(name)
            if match is None:
                yield path, None, None, ''
            elif self.usual_names:
                person, camera, spelled = person_and_camera(self.name, name[1:])
                match = self.pattern.search(f'/{person}/')
                assert match is not None
                identity, _ = self.label(part, match)
                yield path, identity, as_label(camera) if camera else None, spelled
            else:
                identity, label = self.label(part, match)
                if match.groupdict().get('camera'):
                    yield path, identity, label, spelling(match)
                else:
                    yield path, identity, label, '' if label is None else 'the reader'

    def build_table(self) -> ImageTable:
        builder = ImageTableBuilder(self.image_root)
        identities: dict[tuple[bool, Label], int] = {}
        cameras: dict[Label | None, int] = {}
        spellings: Counter[str] = Counter()
        example: dict[bool, str] = {}
        parts: dict[str, tuple[int, int]] = {}
        wrong: list[str] = []
        for part in self.parts:
            first = len(builder)
            for path, who, camera, spelled in self.crops(builder, part):
                if who is None:
                    wrong.append(path)
                    continue
                spellings[spelled] += 1
                example.setdefault(camera is not None, path)
                builder.add(
                    path,
                    identities.setdefault((part != 'train', who), len(identities)),
                    cameras.setdefault(camera, len(cameras)),
                )
            parts[part] = first, len(builder)
        self.check_names(builder, wrong)
        codes = builder.column('identity')
        is_training = self.split != 'test'
        left_out = {*self.JUNK, *((*self.DISTRACTORS, JUNK) if is_training else ())}
        out = [code for (_, who), code in identities.items() if who in left_out]
        if self.usual_names and is_training:
            queries = codes[slice(*parts.get('query', (0, 0)))]
            out += find_distractors(identities, queries)
        kept = np.flatnonzero(~np.isin(codes, out))
        if self.usual_names and len(kept) < len(codes):
            builder.notes.append(
                f'{len(codes) - len(kept)} images of junk or distractors are left out.'
            )
        if self.holdout is not None:
            rows = [np.arange(*parts[part]) for part in self.SPLITS['train']]
            people = np.unique(codes[np.intersect1d(np.concatenate(rows), kept)])
            labels = [who for _, who in identities]
            held = find_held_out(self.name, [labels[i] for i in people], self.holdout)
            is_held = np.isin(codes[kept], people[held])
            kept = kept[is_held == (self.split == 'holdout')]
        codes, places = codes[kept], builder.column('camera')[kept]
        unknown = int((places == cameras.get(None, -1)).sum())
        builder.notes += check_cameras(
            self.name, len(kept) - unknown, unknown, example, self.is_test
        )
        # images without a camera count as of camera 0
        places_of = [(False, camera or 0) for camera in cameras]
        return builder.build(
            info=dict(
                parts={
                    p: np.searchsorted(kept, ends).tolist() for p, ends in parts.items()
                },
                camera_spellings=[s for s, _ in spellings.most_common() if s],
            ),
            order=kept,
            identity=self._numbers('identity', [*identities], codes)[codes],
            camera=self._numbers('camera', places_of, places)[places],
        )

    def _numbers(
        self, column: str, labels: list[tuple[bool, Label]], used: np.ndarray
    ) -> np.ndarray:
        """``[len(labels)]``: the number in the table of each label in use."""
        numbers = np.full(len(labels), JUNK)
        in_use = [
            code
            for code in np.unique(used).tolist()
            if column == 'camera' or labels[code][1] != JUNK
        ]
        in_use.sort(key=lambda i: (labels[i][0], natural_key(str(labels[i][1]))))
        names = [labels[code][1] for code in in_use]
        largest = np.iinfo(COLUMNS[column]).max
        keeps = self.is_test and all(
            isinstance(name, int) and name <= largest for name in names
        )
        numbers[in_use] = names if keeps else np.arange(len(names)) + self.is_test
        return numbers

    def read_table(self) -> None:
        if self.split == 'holdout':
            is_query = pick_queries(self.table.identity, self.table.camera)
            self.set_splits([(is_query, ~is_query)])
        elif self.is_test:
            self.set_splits(self.splits())
        if self.holdout is None:
            parts = self.table.info['parts']
            if self.split == 'all' and len(parts) > 1:
                parts = dict(all=(0, None))
            excluded = self.DISTRACTORS if self.split == 'test' else ()
            found = count_parts(self.table, parts, excluded)
            self.compare_counts(found)

    def splits(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Hook of subclasses: queries and gallery, as :meth:`set_splits` takes them."""
        return [(self.in_part('query'), self.in_part('gallery'))]

    def in_part(self, part: str) -> np.ndarray:
        """``[n]`` booleans: whether a row of the table is of this part."""
        rows = np.zeros(len(self.table), bool)
        rows[slice(*self.table.info['parts'][part])] = True
        return rows
