"""Readers of the small data sets of cross-domain protocols."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import numpy as np

from dynamix.config_checks import check_whole
from dynamix.registry import DATASETS

from .label_checks import Label
from .labelled_folder import LabelledFolder


class RandomHalves(LabelledFolder):
    """Small data sets that are judged on many random halves of their people.

    Of the people seen by both cameras a random half is searched for, once a split;
    their images of the first folder are queries, those of the second the gallery,
    together with the people that only the second folder holds. Scores are averaged
    over the splits. The halves are drawn from ``seed`` (published splits differ
    between papers). For training all images are used: ``split='all'``.

    Args:
        data_root (str): Folder of the data set.
        split (str): ``'test'`` or ``'all'``. Defaults to ``'test'``.
        num_splits (int): Defaults to 10.
        seed (int): Defaults to 0.
        **kwargs: Of :class:`LabelledFolder`.

    Raises:
        ValueError: If ``num_splits`` is below 1.
    """

    FOLDERS: ClassVar[dict[str, str]] = dict(query='cam_a', gallery='cam_b')
    SPLITS: ClassVar[dict[str, tuple[str, ...]]] = dict(
        test=('query', 'gallery'), all=('query', 'gallery')
    )

    def __init__(
        self,
        data_root: str,
        split: str = 'test',
        num_splits: int = 10,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_root, split, **kwargs)
        check_whole(f'{self.name}.num_splits', num_splits, 1)
        self.num_splits = num_splits
        self.seed = seed

    def draw(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Hook of subclasses: which rows are queries and gallery of one split."""
        identity = self.table.identity
        is_query, is_gallery = self.in_part('query'), self.in_part('gallery')
        pairs = np.intersect1d(identity[is_query], identity[is_gallery])
        searched = half(pairs, generator)
        return (
            is_query & np.isin(identity, searched),
            is_gallery & (np.isin(identity, searched) | ~np.isin(identity, pairs)),
        )

    def splits(self) -> list[tuple[np.ndarray, np.ndarray]]:
        generator = np.random.default_rng(self.seed)
        return [self.draw(generator) for _ in range(self.num_splits)]


def half(people: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A random half of some numbers, rounded up."""
    return generator.permutation(people)[: len(people) - len(people) // 2]


@DATASETS.register_module()
class VIPeR(RandomHalves):
    """VIPeR: 632 people, one image by each of two cameras; 316 are searched for.

    ``cam_a/000_45.bmp``, ``cam_b/000_90.bmp``. Gray et al., PETS 2007. Arguments as
    in :class:`RandomHalves`.
    """

    NAME = 'viper'
    PATTERN = r'/(?P<identity>\d+)_[^/]*$'
    EXAMPLE = '000_45.bmp'

    COUNTS: ClassVar = dict(
        query=dict(images=632, identities=632),
        gallery=dict(images=632, identities=632),
        all=dict(images=1_264, identities=632),
    )

    def label(self, part: str, match: re.Match) -> tuple[Label, Label | None]:
        return super().label(part, match)[0], 0 if part == 'query' else 1


@DATASETS.register_module()
class PRID2011(VIPeR):
    """PRID 2011, single shots: 100 of 200 people among 649.

    ``single_shot/cam_a/person_0001.png`` and so on. Only people 1 to 200 are seen by
    both cameras; beyond that equal numbers are different people. Hirzer et al., SCIA
    2011. Arguments as in :class:`RandomHalves`.
    """

    NAME = 'prid2011'
    FOLDERS: ClassVar = dict(query='single_shot/cam_a', gallery='single_shot/cam_b')
    PATTERN = r'/person_(?P<identity>\d+)[^/]*$'
    EXAMPLE = 'person_0001.png'
    LAST_PAIR: ClassVar[int] = 200
    COUNTS: ClassVar = dict(
        query=dict(images=385, identities=385),
        gallery=dict(images=749, identities=749),
        all=dict(images=1_134, identities=934),
    )

    def label(self, part: str, match: re.Match) -> tuple[Label, Label | None]:
        number, camera = super().label(part, match)
        is_pair = isinstance(number, int) and number <= self.LAST_PAIR
        return number if is_pair else f'{part}/{number}', camera


@DATASETS.register_module()
class GRID(RandomHalves):
    """QMUL GRID: 125 of 250 people among 900 (775 distractors, number 0000).

    ``probe`` and ``gallery`` with names ``0001_1_....jpeg``: identity, camera. Loy et
    al., CVPR 2009. Arguments as in :class:`RandomHalves`.
    """

    NAME = 'grid'
    FOLDERS: ClassVar = dict(query='probe', gallery='gallery')
    PATTERN = r'/(?P<identity>\d+)_(?P<camera>\d+)_[^/]*$'
    EXAMPLE = '0001_1_25004_107_32_106_221.jpeg'
    DISTRACTORS = (0,)
    COUNTS: ClassVar = dict(
        query=dict(images=250, identities=250),
        gallery=dict(images=1_025, identities=250),
        all=dict(images=500, identities=250),
    )


@DATASETS.register_module()
class ILIDS(RandomHalves):
    """QMUL i-LIDS: 60 of 119 people, one random image each way.

    ``i-LIDS_Pedestrian/Persons/0001001.jpg``: identity, number of the image. Cameras
    are not known, so each image of a person counts as a camera of its own. Zheng et
    al., BMVC 2009. Arguments as in :class:`RandomHalves`.
    """

    NAME = 'ilids'
    FOLDERS: ClassVar = dict(images='i-LIDS_Pedestrian/Persons')
    SPLITS: ClassVar = dict(test=('images',), all=('images',))
    PATTERN = r'/(?P<identity>\d{4})(?P<camera>\d{3})\.'
    EXAMPLE = '0001001.jpg'
    COUNTS: ClassVar = dict(images=dict(images=476, identities=119))

    def draw(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        identity = self.table.identity
        is_query, is_gallery = np.zeros((2, len(identity)), bool)
        for person in half(np.unique(identity), generator):
            rows = generator.permutation(np.flatnonzero(identity == person))
            is_query[rows[:1]] = True
            is_gallery[rows[1:2]] = True
        return is_query, is_gallery


@DATASETS.register_module()
class CUHK01(RandomHalves):
    """CUHK01: 486 of 971 people, all images of one camera searched for in the other.

    ``campus/0001001.png``: identity, number of the image; 1 and 2 are of the first
    camera, 3 and 4 of the second. It is the first pair of CUHK02: train on one, and
    test on neither. Li et al., ACCV 2012. Arguments as in :class:`RandomHalves`.
    """

    NAME = 'cuhk01'
    FOLDERS: ClassVar = dict(images='campus')
    SPLITS: ClassVar = dict(test=('images',), all=('images',))
    PATTERN = r'/(?P<identity>\d{4})(?P<camera>\d{3})\.'
    EXAMPLE = '0001001.png'
    COUNTS: ClassVar = dict(images=dict(images=3_884, identities=971, cameras=2))

    def label(self, part: str, match: re.Match) -> tuple[Label, Label | None]:
        return super().label(part, match)[0], (int(match['camera']) + 1) // 2

    def draw(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        identity, first = self.table.identity, self.table.camera == 1
        searched = np.isin(identity, half(np.unique(identity), generator))
        return searched & first, searched & ~first
