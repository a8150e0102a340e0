"""Further data sets, each in a tiny folder of its published layout."""

from __future__ import annotations

import json
from itertools import compress
from typing import Any, NamedTuple

import pytest

from dynamix.registry import DATASETS


class Layout(NamedTuple):
    """Names of images; (identity, camera) of the rows of each split; queries."""

    reader: str
    names: list[str]
    training: list[tuple[int, int]]
    split: str = 'train'
    test: list[tuple[int, int]] | None = None
    queries: list[bool] | None = None


RENDERED = [
    '000000_s00_c00_f000264.jpg',
    '000000_s01_c00_f001.jpg',
    '01_s00_c00_f3.jpg',
]
LAYOUTS = [
    Layout(
        'RandPerson',
        [f'randperson_subset/{n}' for n in RENDERED],
        [(0, 0), (0, 1), (1, 0)],
    ),
    Layout(
        'ClonedPerson',
        [f'train/{n}' for n in RENDERED]
        + ['test/query/705227_s02_c02_f001117.jpg']
        + ['test/gallery/705227_s06_c02_f005521.jpg', 'test/gallery/5_s02_c02_f1.jpg'],
        [(0, 0), (0, 1), (1, 0)],
        test=[(705227, 1), (5, 1), (705227, 2)],
        queries=[True, False, False],
    ),
    Layout(
        'PersonX',
        [
            'bounding_box_train/0001_c3_01.jpg',
            'query/0002_c4_01.jpg',
            'bounding_box_test/0002_c8_01.jpg',
        ],
        [(0, 0)],
        test=[(2, 4), (2, 8)],
        queries=[True, False],
    ),
    Layout(
        'UnrealPerson',
        [  # the same person in another scene; another version, another person
            'unreal_v1.1/images/333_c001_78.jpg',
            'unreal_v1.2/images/333_c001_78.jpg',
            'unreal_v3.1/images/333_c001_78.jpg',
        ],
        [(0, 0), (1, 0), (0, 1)],
    ),
    Layout(
        'SYNTHPEDES',
        ['Part1/7/1.jpg', 'Part1/7/2.jpg', 'Part2/7/1.jpg', 'Part10/8/1.jpg'],
        [(0, 0), (0, 0), (1, 0), (2, 0)],
    ),
    Layout(
        'CIONAL',  # people 40, 7, 40
        ['sec0/a.jpg', 'sec0/b.jpg', 'sec129/a.jpg'],
        [(1, 0), (0, 0), (1, 0)],
    ),
    Layout(
        'LPW',
        [
            'scen1/view1/7/1.jpg',
            'scen1/view2/7/1.jpg',
            'scen1/view3/8/1.jpg',
            'scen2/view1/7/1.jpg',
            'scen3/view1/7/1.jpg',
            'scen3/view4/7/10213.jpg',
        ],
        [(0, 0), (1, 1), (1, 2)],
        test=[(1, 2), (1, 1), (2, 3)],
        queries=[True, False, False],
    ),
    Layout(
        'OccludedDuke',
        [
            'bounding_box_train/0001_c2_f0046182.jpg',
            'query/0003_c1_f1.jpg',
            'bounding_box_test/0003_c2_f1.jpg',
        ],
        [(0, 0)],
        test=[(3, 1), (3, 2)],
        queries=[True, False],
    ),
    Layout(
        'OccludedREID',
        ['occluded_body_images/001/001_01.tif', 'whole_body_images/001/001_01.tif'],
        [(0, 0), (0, 1)],
        split='all',
        test=[(1, 0), (1, 1)],
        queries=[True, False],
    ),
    Layout(
        'VeRi776',
        [
            'image_train/0001_c001_00016450_0.jpg',
            'image_query/0002_c002_00030600_0.jpg',
            'image_test/0002_c002_00030600_0.jpg',
            'image_test/0002_c003_00030600_0.jpg',
        ],
        [(0, 0), (1, 1), (1, 2)],  # queries are in the gallery: not twice
        split='all',
        test=[(2, 2), (2, 2), (2, 3)],
        queries=[True, False, False],
    ),
    Layout(
        'CUHK01',
        [f'campus/000{person}00{n}.png' for person in (1, 2) for n in (1, 2, 3, 4)],
        [(p, c) for p in (0, 1) for c in (0, 0, 1, 1)],
        split='all',
    ),
    Layout(
        'LUPerson',
        [
            'Country/City/video/00000123_0000.jpg',
            'Country/City/video/00000123_0001.jpg',
            'Country/City/other/00000123_0000.jpg',
        ],
        [(0, 0), (1, 1), (2, 1)],
    ),
]


def build(reader: str, root: Any, **options: Any) -> Any:
    dataset = DATASETS.build(
        dict(type=f'dynamix.{reader}', data_root=str(root), name='small', **options)
    )
    dataset.full_init()
    return dataset


@pytest.mark.parametrize('layout', LAYOUTS, ids=lambda layout: layout.reader)
def test_layout(make_images, layout: Layout) -> None:
    root = make_images(layout.names)
    annotations = [
        dict(id=person, file_path=name, captions=[])
        for person, name in zip((40, 7, 40), layout.names)
    ]
    (root / 'cional_annos.json').write_text(json.dumps(annotations))
    options = {} if layout.split == 'train' else dict(split=layout.split)
    dataset = build(layout.reader, root, **options)
    table = dataset.table
    single = dataset.kind == 'single_camera'
    place = (table.video if single else table.camera).tolist()
    assert [*zip(table.identity.tolist(), place)] == layout.training
    assert dataset.query_splits is None
    if single:
        assert table.frame.tolist() == [123] * 3
    if layout.test is not None:
        target = build(layout.reader, root, split='test')
        table = target.table
        assert [*zip(table.identity.tolist(), table.camera.tolist())] == layout.test
        queries = [bool(splits) for splits in target.query_splits]
        assert queries == layout.queries
        gallery = [bool(splits) for splits in target.gallery_splits]
        assert [*compress(gallery, queries)] == [False] * sum(queries)


def test_cuhk01_searches_one_camera_in_the_other(make_images) -> None:
    names = [f'campus/000{p}00{n}.png' for p in range(1, 6) for n in (1, 2, 3, 4)]
    dataset = build('CUHK01', make_images(names), num_splits=3)
    checks = [(c.queries, c.gallery, c.without_match) for c in dataset.split_checks]
    assert checks == [(6, 6, 0)] * 3
    table = dataset.table
    assert {table.camera[i] for i, s in enumerate(dataset.query_splits) if s} == {1}
    assert {table.camera[i] for i, s in enumerate(dataset.gallery_splits) if s} == {2}


@pytest.mark.parametrize('content', ['{', '[{"id": 1}]', '3', '[7]'])
def test_cion_al_names_its_file_and_fields(make_images, content: str) -> None:
    root = make_images([])
    (root / 'cional_annos.json').write_text(content)
    with pytest.raises(ValueError, match=r'cional_annos.json should be .* `file_path`'):
        build('CIONAL', root)


def test_luperson_needs_the_folder_of_the_video(make_images) -> None:
    # numbers of frames of two videos in one folder would prove nothing
    root = make_images(['Country/City/00000123_0000.jpg'])
    with pytest.raises(ValueError, match='names of 1 of 1 images'):
        build('LUPerson', root)
