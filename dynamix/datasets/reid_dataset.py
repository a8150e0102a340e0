from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import compress, count
from typing import Any, ClassVar, Literal

import numpy as np
from mmengine.dataset import Compose
from mmengine.logging import print_log
from torch.utils.data import Dataset

from dynamix.structures import without_gaps

from .image_table import ImageTable
from .label_checks import JUNK, SplitCheck, check_split, images_per_identity
from .table_cache import cached_table

Transform = dict | Callable[[dict], dict]
Splits = list[tuple[int, ...]]


class ReIDDataset(Dataset):
    """Base of all sources of person images: an image table and a way to read a row.

    A subclass reads its source in :meth:`build_table` and lists what decides the
    result in :meth:`fingerprint`. It is built lazily: nothing is read before
    :meth:`full_init`. Ours.

    Args:
        data_root (str): Folder of the data; empty for drawn data. Defaults to ``''``.
        name (str, optional): What logs and results call it. Defaults to the class's
            ``NAME``.
        pipeline (Sequence[dict | Callable]): Transforms, for use of this data set
            alone; :class:`MixedDataset` and :class:`TargetDataset` have their own.
            Defaults to ``()``.
        cache_dir (str, optional): Where the table is kept between runs. Defaults to
            ``$DYNAMIX_CACHE``, else ``~/.cache/dynamix``.

    Attributes:
        kind (str): ``'multi_camera'`` (labels of people) or ``'single_camera'``
            (labels of tracklets: ``table.identity`` numbers them, over all videos).
        table (ImageTable): After :meth:`full_init`.
        truth (np.ndarray | None): ``[n]`` int32 true identities, where known; for
            scoring only.
        query_splits (list[tuple[int, ...]] | None): For an evaluation set, the
            numbers of the splits in which each row is a query; None for a training
            set.
        gallery_splits (list[tuple[int, ...]] | None): Likewise, of the gallery.
        split_checks (list[SplitCheck]): Counts of each split of an evaluation set.
    """

    NAME: ClassVar[str] = 'reid'
    CACHED: ClassVar[bool] = True
    VERSION: ClassVar[int] = 1  # raise it when the code of a subclass has changed
    kind: Literal['multi_camera', 'single_camera'] = 'multi_camera'

    table: ImageTable

    def __init__(
        self,
        data_root: str = '',
        name: str | None = None,
        pipeline: Sequence[Transform] = (),
        cache_dir: str | None = None,
    ) -> None:
        self.data_root = os.path.expanduser(str(data_root))
        self.name = name or self.NAME
        self.pipeline = Compose(pipeline)
        self.cache_dir = cache_dir
        self.truth: np.ndarray | None = None
        self.query_splits: Splits | None = None
        self.gallery_splits: Splits | None = None
        self.split_checks: list[SplitCheck] = []
        self._fully_initialized = False

    def build_table(self) -> ImageTable:
        """Reads the source. Called when there is no current table in the cache."""
        raise NotImplementedError

    def fingerprint(self) -> dict[str, Any]:
        """What decides the content of the table, in JSON types.

        A subclass with options of its own adds them.
        """
        return dict(
            reader=f'{type(self).__module__}.{type(self).__qualname__}',
            version=self.VERSION,
            root=os.path.abspath(self.data_root),
        )

    def read_table(self) -> None:
        """Hook of subclasses: derives what they need once :attr:`table` is there.

        This is the place to check the table, to set :attr:`truth` and to call
        :meth:`set_splits`.
        """

    def set_splits(self, splits: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """Makes this an evaluation set.

        Args:
            splits (Sequence[tuple[np.ndarray, np.ndarray]]): For each split which rows
                are queries and which stand in the gallery, ``[n]`` booleans each.
        """
        self.query_splits, self.gallery_splits = (
            [tuple(compress(count(), row)) for row in zip(*(m.tolist() for m in rows))]
            for rows in zip(*splits)
        )
        identity, camera = self.table.identity, self.table.camera
        person = identity != JUNK
        self.split_checks = [
            check_split(identity, camera, query & person, gallery & person)
            for query, gallery in splits
        ]

    def full_init(self) -> None:
        """Loads or builds the table; does nothing the second time.

        Raises:
            FileNotFoundError: If a folder or list file is missing.
            ValueError: If what is found is not what was expected.
        """
        if self._fully_initialized:
            return
        if self.CACHED:
            self.table = cached_table(
                self.build_table, self.fingerprint(), self.cache_dir
            )
        else:
            self.table = self.build_table()
        for note in self.table.info.get('notes', ()):
            print_log(f'{self.name}: {note}', 'current', logging.WARNING)
        self.read_table()
        if self.query_splits is not None:
            self._check_target()
        elif not len(self.table):
            raise ValueError(
                f'{self.name}: there is no image to train on in {self.data_root}.'
            )
        elif self.kind == 'multi_camera':
            self._check_people()
        self._fully_initialized = True

    def _check_target(self) -> None:
        for number, found in enumerate(self.split_checks):
            where = f'target {self.name!r}, split {number}'
            if not found.queries or not found.gallery:
                raise ValueError(
                    f'{where}: there are {found.queries} queries and {found.gallery} '
                    'gallery images, at least one of each is needed.'
                )
            if found.without_image == found.queries:
                raise ValueError(
                    f'{where}: none of the {found.queries} queries shows a person who '
                    'is in the gallery. Do queries and gallery use the same numbers?'
                )
            if found.without_match:
                print_log(
                    f'{where}: {found.without_match} of {found.queries} queries show '
                    'a person whom no other camera of the gallery saw; a metric that '
                    'is aware of cameras leaves them out.',
                    logger='current',
                    level=logging.WARNING,
                )

    def _check_people(self) -> None:
        counts = images_per_identity(self.table.identity)
        alone = int((counts == 1).sum())
        if alone:
            print_log(
                f'{self.name}: {alone} of {len(counts)} identities have one image '
                'only: it never has a positive of its own person.',
                logger='current',
                level=logging.WARNING,
            )

    @property
    def metainfo(self) -> dict[str, Any]:
        """Name and kind of the data, as MMEngine's data sets have it."""
        return dict(dataset_name=self.name, kind=self.kind)

    def __len__(self) -> int:
        self.full_init()
        return len(self.table)

    def get_data_info(self, index: int) -> dict[str, Any]:
        """What the pipeline starts from.

        Args:
            index (int): Row of the image.

        Returns:
            dict: ``image_index`` (int) and ``img_path`` (str); for drawn data also
            ``img``, an HWC uint8 BGR array; for evaluation sets also what
            :class:`ReIDDataSample` lists.
        """
        self.full_init()
        row = range(len(self.table))[index]
        return dict(image_index=row, img_path=self.table.path(row), **self.labels(row))

    def labels(self, row: int) -> dict[str, Any]:
        """Ground truth of a row of an evaluation set; nothing of a training set."""
        if self.query_splits is None or self.gallery_splits is None:
            return {}
        return dict(
            target=self.name,
            identity=int(self.table.identity[row]),
            camera=int(self.table.camera[row]),
            query_splits=self.query_splits[row],
            gallery_splits=self.gallery_splits[row],
        )

    @cached_property
    def _gt_label(self) -> np.ndarray:
        # where it is first asked for: a reader in a MixedDataset needs none, and
        # pickled it would go to each loader worker
        return without_gaps(self.table.identity)

    def __getitem__(self, index: int) -> Any:
        """One image through the pipeline, of a training set with ``gt_label``.

        That is the identity, as classifiers of MMPretrain take it: ``0..C-1``,
        whatever gaps the reader's numbers have; -1: none.
        """
        info = self.get_data_info(index)
        if self.query_splits is None:
            info['gt_label'] = int(self._gt_label[info['image_index']])
        return self.pipeline(info)
