"""Readers of large labelled data for training: rendered people, people of the web."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import ClassVar

from dynamix.registry import DATASETS

from .image_table_builder import ImageTableBuilder
from .label_checks import Label
from .labelled_folder import LabelledFolder
from .multi_camera import TRAINING_ONLY, Market1501


@DATASETS.register_module()
class RandPerson(LabelledFolder):
    """RandPerson: rendered people, the subset of its authors' experiments.

    ``randperson_subset/000000_s00_c00_f000264.jpg``: person, scene, camera in the
    scene, frame. All images have the same names: give their folder and a ``name``.
    Wang et al., ACM MM 2020. Arguments as in :class:`LabelledFolder`.
    """

    NAME = 'randperson'
    FOLDERS: ClassVar = dict(train='randperson_subset')
    SPLITS: ClassVar = TRAINING_ONLY
    PATTERN = r'/(?P<identity>\d+)_(?P<camera>s\d+_c\d+)_f\d+[^/]*$'
    EXAMPLE = '000000_s00_c00_f000264.jpg'
    COUNTS: ClassVar = dict(train=dict(images=132_145, identities=8_000))


@DATASETS.register_module()
class ClonedPerson(RandPerson):
    """ClonedPerson: rendered people in clothes of real ones, named as RandPerson.

    ``train``, ``test/query`` and ``test/gallery``. Wang et al., CVPR 2022.
    """

    NAME = 'clonedperson'
    FOLDERS: ClassVar = dict(train='train', query='test/query', gallery='test/gallery')
    SPLITS: ClassVar = LabelledFolder.SPLITS
    EXAMPLE = '700000_s02_c00_f023389.jpg'


@DATASETS.register_module()
class PersonX(Market1501):
    """PersonX: rendered people, the subset in the layout of Market-1501.

    9 840 images to train, 5 136 queries, 30 816 images in the gallery. Sun and Zheng,
    CVPR 2019.
    """

    NAME = 'personx'
    EXAMPLE = '0001_c3_01.jpg'
    COUNTS: ClassVar = dict(
        train=dict(images=9_840, identities=410),
        query=dict(images=5_136, identities=856),
        gallery=dict(images=30_816, identities=856),
        all=dict(images=45_792, identities=1_266),
    )


@DATASETS.register_module()
class UnrealPerson(LabelledFolder):
    """UnrealPerson: rendered people, all folders ``unreal_v...`` that are there.

    ``unreal_v3.1/images/333_c001_78.jpg``: scene 3, people of version 1, of these
    person 333, camera 1 of the scene. Zhang et al., CVPR 2021. Arguments as in
    :class:`LabelledFolder`.
    """

    NAME = 'unrealperson'
    FOLDERS: ClassVar = dict(train='')
    SPLITS: ClassVar = TRAINING_ONLY
    PATTERN = (
        r'/unreal_v(?P<scene>\d+)\.(?P<version>\d+)/images/'
        r'(?P<identity>\d+)_c(?P<camera>\d+)_'
    )
    EXAMPLE = 'unreal_v3.1/images/333_c001_78.jpg'

    def label(self, part: str, match: re.Match) -> tuple[Label, Label | None]:
        number, camera = super().label(part, match)
        return f'{match["version"]}/{number}', f'{match["scene"]}/{camera}'


@DATASETS.register_module()
class SYNTHPEDES(LabelledFolder):
    """SYNTH-PEDES without its texts: ``Part1/7/1.jpg``, person 7; no cameras.

    Zuo et al., NeurIPS 2024. Arguments as in :class:`LabelledFolder`.
    """

    NAME = 'synth_pedes'
    FOLDERS: ClassVar = dict(train='')
    SPLITS: ClassVar = TRAINING_ONLY
    PATTERN = r'/(?P<identity>Part\d+/\d+)/[^/]*$'
    EXAMPLE = 'Part1/7/1.jpg'
    COUNTS: ClassVar = dict(train=dict(identities=312_321))


@DATASETS.register_module()
class CIONAL(LabelledFolder):
    """CION-AL: images of LUPerson-NL with corrected identities; no cameras.

    ``cional_annos.json`` (``folders`` can name another file) lists the images:
    ``[{"id": 7, "file_path": "sec0/....jpg"}, ...]``, paths relative to ``data_root``.
    Zuo et al., NeurIPS 2024. Arguments as in :class:`LabelledFolder`.
    """

    NAME = 'cion_al'
    FOLDERS: ClassVar = dict(train='cional_annos.json')
    SPLITS: ClassVar = TRAINING_ONLY
    PATTERN = r'/(?P<identity>\d+)/'
    EXAMPLE = '7/'
    COUNTS: ClassVar = dict(train=dict(images=3_898_086, identities=246_904))

    def part_images(
        self, builder: ImageTableBuilder, part: str
    ) -> Iterator[tuple[str, str]]:
        name = self.folders[part]
        file = self.require(name, '`id` and `file_path` of each image')
        builder.watch(name)
        with open(file, encoding='utf-8') as stream:
            try:
                images = json.load(
                    stream, object_hook=lambda image: (image['file_path'], image['id'])
                )
                yield from ((str(path), f'/{person}/') for path, person in images)
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f'{self.name}: {file} should be a JSON list of objects with `id` '
                    f'and `file_path` of an image, but: {error!r}.'
                ) from error
