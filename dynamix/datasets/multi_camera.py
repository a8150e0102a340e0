"""Readers of labelled multi-camera data sets: one small declaration each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import ClassVar

from dynamix.registry import DATASETS

from .image_table_builder import ImageTableBuilder
from .label_checks import Label
from .labelled_folder import LabelledFolder


@DATASETS.register_module()
class Market1501(LabelledFolder):
    """Market-1501, and everything that was converted to its layout.

    ``bounding_box_train``, ``query`` and ``bounding_box_test`` with names that begin
    with identity and camera; identity -1 is junk, 0000 a distractor. 12 936 images of
    751 people to train, 3 368 queries. Zheng et al., ICCV 2015. Arguments as in
    :class:`LabelledFolder`.
    """

    NAME = 'market1501'
    FOLDERS: ClassVar = dict(
        train='bounding_box_train', query='query', gallery='bounding_box_test'
    )
    PATTERN = r'/(?P<identity>-?\d+)_c(?P<camera>\d+)'
    EXAMPLE = '0001_c1s1_000151_00.jpg'
    JUNK = (-1,)
    DISTRACTORS = (0,)


@DATASETS.register_module()
class DukeMTMC(Market1501):
    """DukeMTMC-reID, which its authors have withdrawn, in its original layout."""

    NAME = 'dukemtmc'
    EXAMPLE = '0001_c2_f0046182.jpg'


@DATASETS.register_module()
class CUHK03NP(Market1501):
    """CUHK03 with 767 people to train and 700 to test (the new protocol).

    ``data_root`` is its folder ``labeled`` or ``detected``. Zhong et al., CVPR 2017.
    """

    NAME = 'cuhk03_np'
    EXAMPLE = '0001_c1_1.png'


@DATASETS.register_module()
class MSMT17(LabelledFolder):
    """MSMT17, version 1 (``train``) or 2 (``mask_train_v2``).

    The images are those of ``list_train.txt`` and ``list_val.txt`` (32 621 together:
    ``split='train'``), ``list_query.txt`` and ``list_gallery.txt``; the 126 441
    images of ``split='all'`` are what papers call MSMT17 (all). Wei et al., CVPR
    2018. Arguments as in :class:`LabelledFolder`.
    """

    NAME = 'msmt17'
    FOLDERS: ClassVar = dict(train='train', query='test', gallery='test')
    PATTERN = r'/(?P<identity>\d+)/[^/]*?_\d+_(?P<camera>\d+)_'
    EXAMPLE = '0000/0000_000_01_0303morning_0008_0.jpg'
    VERSION_2: ClassVar = dict(train='mask_train_v2', test='mask_test_v2')
    LISTS: ClassVar = dict(
        train=('list_train.txt', 'list_val.txt'),
        query=('list_query.txt',),
        gallery=('list_gallery.txt',),
    )

    def part_images(
        self, builder: ImageTableBuilder, part: str
    ) -> Iterator[tuple[str, str]]:
        folder = self.folders[part]
        second = self.VERSION_2.get(folder, folder)
        if os.path.isdir(os.path.join(self.data_root, second)):
            folder = second
        self.require(
            folder, f'the {part} images, like {self.EXAMPLE} (or {second}: version 2)'
        )
        for name in self.LISTS[part]:
            file = self.require(name, f'one line per {part} image: {self.EXAMPLE} 0')
            builder.watch(name)
            with open(file, encoding='utf-8') as lines:
                for line in lines:
                    image = line.rpartition(' ')[0].strip()
                    if image:
                        yield os.path.join(folder, image), '/' + image


@DATASETS.register_module()
class CUHK02(LabelledFolder):
    """CUHK02: five pairs of cameras, the fifth for testing.

    ``Dataset/P1/cam1/001_....png`` and so on; each pair has people of its own. Li and
    Wang, CVPR 2013. Arguments as in :class:`LabelledFolder`.
    """

    NAME = 'cuhk02'
    FOLDERS: ClassVar = dict(
        {f'P{i}': f'Dataset/P{i}' for i in (1, 2, 3, 4)},
        query='Dataset/P5/cam1',
        gallery='Dataset/P5/cam2',
    )
    SPLITS: ClassVar = dict(
        train=('P1', 'P2', 'P3', 'P4'),
        test=('query', 'gallery'),
        all=('P1', 'P2', 'P3', 'P4', 'query', 'gallery'),
    )
    PATTERN = r'/(?:cam(?P<camera>\d)/)?(?P<identity>\d+)_[^/]*$'
    EXAMPLE = '001_01.png'

    def label(self, part: str, match: re.Match) -> tuple[Label, Label | None]:
        number, camera = super().label(part, match)
        if part in ('query', 'gallery'):
            return number, 'P5/1' if part == 'query' else 'P5/2'
        return f'{part}/{number}', f'{part}/{camera}'


@DATASETS.register_module()
class CUHKSYSU(LabelledFolder):
    """CUHK-SYSU cut into people: ``cropped_images/p123_s1_....jpg``; no cameras.

    For training only. Xiao et al., CVPR 2017. Arguments as in
    :class:`LabelledFolder`.
    """

    NAME = 'cuhk_sysu'
    FOLDERS: ClassVar = dict(train='cropped_images')
    SPLITS: ClassVar = dict(train=('train',), all=('train',))
    PATTERN = r'/p(?P<identity>\d+)_s\d'
    EXAMPLE = 'p123_s1_4.jpg'
