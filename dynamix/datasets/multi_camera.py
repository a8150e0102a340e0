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
from .official_counts import Counts

TRAINING_ONLY: dict[str, tuple[str, ...]] = dict(train=('train',), all=('train',))


@DATASETS.register_module()
class Market1501(LabelledFolder):
    """Market-1501, and everything that was converted to its layout.

    ``bounding_box_train``, ``query`` and ``bounding_box_test`` with names that begin
    with identity and camera; identity -1 is junk, 0000 a distractor. 12 936 images of
    751 people to train, 3 368 queries, 15 913 images in the gallery (19 732 with
    junk). Zheng et al., ICCV 2015. Arguments as in :class:`LabelledFolder`.
    """

    NAME = 'market1501'
    FOLDERS: ClassVar = dict(
        train='bounding_box_train', query='query', gallery='bounding_box_test'
    )
    PATTERN = r'/(?P<identity>-?\d+)_c(?P<camera>\d+)'
    EXAMPLE = '0001_c1s1_000151_00.jpg'
    JUNK = (-1,)
    DISTRACTORS = (0,)
    COUNTS: ClassVar = dict(
        train=dict(images=12_936, identities=751, cameras=6),
        query=dict(images=3_368, identities=750, cameras=6),
        gallery=dict(images=15_913, identities=750, cameras=6),
        all=dict(images=29_419, identities=1_501, cameras=6),
    )


@DATASETS.register_module()
class DukeMTMC(Market1501):
    """DukeMTMC-reID, which its authors have withdrawn, in its original layout."""

    NAME = 'dukemtmc'
    EXAMPLE = '0001_c2_f0046182.jpg'
    COUNTS: ClassVar = dict(
        train=dict(images=16_522, identities=702, cameras=8),
        query=dict(images=2_228, identities=702, cameras=8),
        gallery=dict(images=17_661, identities=1_110, cameras=8),
        all=dict(images=36_411, identities=1_812, cameras=8),
    )


@DATASETS.register_module()
class OccludedDuke(DukeMTMC):
    """Occluded-DukeMTMC, as its authors' script makes it of DukeMTMC-reID.

    All queries and a tenth of the gallery are partly hidden. Miao et al., ICCV 2019.
    """

    NAME = 'occluded_duke'
    COUNTS: ClassVar = dict(
        train=dict(images=15_618, identities=702, cameras=8),
        query=dict(images=2_210, identities=519, cameras=8),
        gallery=dict(images=17_661, identities=1_110, cameras=8),
        all=dict(images=35_489, identities=1_812, cameras=8),
    )


@DATASETS.register_module()
class CUHK03NP(Market1501):
    """CUHK03 with 767 people to train and 700 to test (the new protocol).

    ``data_root`` is its folder ``labeled`` or ``detected``, which says what was
    published, whatever its ``name``. Zhong et al., CVPR 2017.
    """

    NAME = 'cuhk03_np'
    EXAMPLE = '0001_c1_1.png'
    IMAGES: ClassVar = dict(
        labeled=(7_368, 1_400, 5_328, 14_096), detected=(7_365, 1_400, 5_332, 14_097)
    )

    def published_counts(self) -> Counts:
        box = os.path.basename(os.path.normpath(self.data_root))
        people = dict(train=767, query=700, gallery=700, all=1_467)
        return {
            part: dict(images=images, identities=people[part], cameras=2)
            for part, images in zip(people, self.IMAGES.get(box, ()))
        }


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
    COUNTS: ClassVar = dict(
        train=dict(images=32_621, identities=1_041, cameras=15),
        query=dict(images=11_659, identities=3_060, cameras=15),
        gallery=dict(images=82_161, identities=3_060, cameras=15),
        all=dict(images=126_441, identities=4_101, cameras=15),
    )

    def part_images(
        self, builder: ImageTableBuilder, part: str
    ) -> Iterator[tuple[str, str]]:
        folder = self.folders[part]
        second = self.VERSION_2.get(folder, folder)
        if self.has(second):
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
    COUNTS: ClassVar = dict(
        P1=dict(images=3_884, identities=971, cameras=2),
        P2=dict(images=1_224, identities=306, cameras=2),
        P3=dict(images=428, identities=107, cameras=2),
        P4=dict(images=772, identities=193, cameras=2),
        query=dict(images=478, identities=239, cameras=1),
        gallery=dict(images=478, identities=239, cameras=1),
        all=dict(images=7_264, identities=1_816, cameras=10),
    )

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
    SPLITS: ClassVar = TRAINING_ONLY
    PATTERN = r'/p(?P<identity>\d+)_s\d'
    EXAMPLE = 'p123_s1_4.jpg'
    COUNTS: ClassVar = dict(train=dict(images=34_574, identities=11_934))


@DATASETS.register_module()
class LPW(LabelledFolder):
    """Labeled Pedestrian in the Wild: tracklets in three scenes, as images.

    ``scen1/view2/17/....jpg``: scene, camera, person in the scene. Scenes 2 and 3 are
    for training; people of view 2 of scene 1 are searched for in its other views.
    Song et al., AAAI 2018. Arguments as in :class:`LabelledFolder`.
    """

    NAME = 'lpw'
    FOLDERS: ClassVar = dict(train='', query='scen1/view2', gallery='scen1')
    PATTERN = r'/(?P<camera>scen\d+/view\d+)/(?P<identity>\d+)/[^/]*$'
    EXAMPLE = 'scen1/view2/17/123.jpg'
    OF_OTHER_PARTS: ClassVar = dict(train='scen1/', gallery='scen1/view2/')
    COUNTS: ClassVar = dict(
        train=dict(images=418_739, identities=1_975, cameras=8),
        query=dict(images=63_118, identities=756, cameras=1),
        gallery=dict(images=108_690, identities=756, cameras=2),
        all=dict(images=590_547, identities=2_731, cameras=11),
    )

    def part_images(
        self, builder: ImageTableBuilder, part: str
    ) -> Iterator[tuple[str, str]]:
        of_others = self.OF_OTHER_PARTS.get(part)
        for path, _ in super().part_images(builder, part):
            if of_others is None or not path.startswith(of_others):
                yield path, '/' + path

    def label(self, part: str, match: re.Match) -> tuple[Label, Label | None]:
        number, camera = super().label(part, match)
        return f'{match["camera"].partition("/")[0]}/{number}', camera


@DATASETS.register_module()
class OccludedREID(LabelledFolder):
    """Occluded-REID: 200 people, five images hidden in part and five whole ones.

    ``occluded_body_images/001/001_01.tif`` are searched for in ``whole_body_images``.
    Zhuo et al., ICME 2018. Arguments as in :class:`LabelledFolder`.
    """

    NAME = 'occluded_reid'
    FOLDERS: ClassVar = dict(query='occluded_body_images', gallery='whole_body_images')
    SPLITS: ClassVar = dict(test=('query', 'gallery'), all=('query', 'gallery'))
    PATTERN = r'/(?P<identity>\d+)/[^/]*$'
    EXAMPLE = '001/001_01.tif'
    COUNTS: ClassVar = dict(
        query=dict(images=1_000, identities=200),
        gallery=dict(images=1_000, identities=200),
        all=dict(images=2_000, identities=200),
    )

    def label(self, part: str, match: re.Match) -> tuple[Label, Label | None]:
        return super().label(part, match)[0], 0 if part == 'query' else 1


@DATASETS.register_module()
class VeRi776(LabelledFolder):
    """VeRi-776: vehicles in place of people.

    ``image_train``, ``image_query`` and ``image_test`` with names like
    ``0001_c001_00016450_0.jpg``; queries also stand in the gallery. Liu et al., ECCV
    2016. Arguments as in :class:`LabelledFolder`.
    """

    NAME = 'veri776'
    FOLDERS: ClassVar = dict(
        train='image_train', query='image_query', gallery='image_test'
    )
    SPLITS: ClassVar = dict(
        train=('train',), test=('query', 'gallery'), all=('train', 'gallery')
    )
    PATTERN = r'/(?P<identity>\d+)_c(?P<camera>\d+)_'
    EXAMPLE = '0001_c001_00016450_0.jpg'
    COUNTS: ClassVar = dict(
        train=dict(images=37_778, cameras=20),
        query=dict(images=1_678, identities=200),
        gallery=dict(images=11_579, identities=200),
        all=dict(images=49_357, cameras=20),
    )
