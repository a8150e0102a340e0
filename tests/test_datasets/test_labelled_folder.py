from __future__ import annotations

import pytest

from dynamix.datasets import LabelledFolder
from dynamix.registry import DATASETS

OWN = [
    'train/anna/c2_1.jpg',
    'train/anna/c10_1.jpg',
    'train/bob/c2/x.png',
    'train/person 10/Cam1-a.jpg',
    'train/person 9/0009_c1s1_7.jpeg',
    'query/carl/c1_1.jpg',
    'gallery/anna/c2_1.bmp',
    'gallery/carl/c2_1.jpg',
    'gallery/.hidden.jpg',
    'gallery/readme.txt',
]


def columns(dataset: LabelledFolder) -> list[tuple[str, int, int]]:
    dataset.full_init()
    table = dataset.table
    return [
        (table.path(i).removeprefix(dataset.data_root + '/'), identity, camera)
        for i, (identity, camera) in enumerate(
            zip(table.identity.tolist(), table.camera.tolist())
        )
    ]


def test_numbers_people_and_cameras_in_natural_order(make_images) -> None:
    dataset = LabelledFolder(str(make_images(OWN)))
    assert columns(dataset) == [
        ('train/anna/c2_1.jpg', 0, 1),
        ('train/anna/c10_1.jpg', 0, 2),
        ('train/bob/c2/x.png', 1, 1),
        ('train/person 9/0009_c1s1_7.jpeg', 2, 0),
        ('train/person 10/Cam1-a.jpg', 3, 0),
    ]
    assert dataset.query_splits is None
    assert dataset.get_data_info(-1) == dict(
        image_index=4, img_path=dataset.table.path(4)
    )


def test_labels_of_a_target_that_are_too_large_are_numbered(make_images) -> None:
    people = ['1705312345678', '99999999999999999999', '7']
    root = make_images(
        f'{part}/{person}/c{camera}_1.jpg'
        for part, camera in (('query', 100_200), ('gallery', 9))
        for person in people
    )
    found = columns(LabelledFolder(str(root), split='test'))
    assert [row[1:] for row in found] == [
        (1, 2),
        (2, 2),
        (3, 2),
        (1, 1),
        (2, 1),
        (3, 1),
    ]


def test_evaluation_items_say_what_they_are(make_images) -> None:
    dataset = LabelledFolder(str(make_images(OWN)), split='test', name='mine')
    assert [dataset[i] for i in range(3)] == [
        dict(
            image_index=i,
            img_path=dataset.table.path(i),
            target='mine',
            identity=identity,
            camera=camera,
            query_splits=query,
            gallery_splits=gallery,
        )
        for i, (identity, camera, query, gallery) in enumerate(
            [(2, 1, (0,), ()), (1, 2, (), (0,)), (2, 2, (), (0,))]
        )
    ]


def test_people_of_the_test_part_are_others_also_under_the_same_name(
    make_images,
) -> None:
    dataset = LabelledFolder(str(make_images(OWN)), split='all')
    found = {path: identity for path, identity, _ in columns(dataset)}
    assert found['train/anna/c2_1.jpg'] != found['gallery/anna/c2_1.bmp']
    assert found['query/carl/c1_1.jpg'] == found['gallery/carl/c2_1.jpg']
    assert sorted(set(found.values())) == list(range(6))


def test_other_names_need_no_class(make_images) -> None:
    root = make_images(['crops/cam3/0007-a.jpg', 'crops/cam1/0007-b.jpg'])
    dataset = DATASETS.build(
        dict(
            type='dynamix.LabelledFolder',
            data_root=str(root),
            folders=dict(train='crops'),
            pattern=r'/cam(?P<camera>\d+)/(?P<identity>\d+)-',
        )
    )
    assert [row[1:] for row in columns(dataset)] == [(0, 0), (0, 1)]


@pytest.mark.parametrize(
    ('names', 'options', 'error', 'message'),
    [
        ([], {}, FileNotFoundError, r'data/train is missing.*train images.*docs/data'),
        (['train/a.txt'], {}, ValueError, 'there is no image in .*data/train'),
        (
            ['train/a.jpg', 'train/b.jpg', 'train/anna/c.jpg'],
            {},
            ValueError,
            "names of 2 of 3 images in .* the first is 'train/a.jpg'",
        ),
        (['train/-1/c1_1.jpg'], {}, ValueError, 'no image to train on in .*data'),
        ([], dict(split='val'), ValueError, "unknown split 'val'"),
        ([], dict(folders=dict(trian='x')), TypeError, "folders` has no key 'trian'"),
        ([], dict(pattern='x'), ValueError, r"groups identity, but \['identity'\]"),
        ([], dict(pattern='(x'), ValueError, '`pattern` is no regular expression.*0'),
    ],
)
def test_says_what_is_wrong(make_images, names, options, error, message) -> None:
    root = make_images(names)
    with pytest.raises(error, match=message):
        LabelledFolder(str(root), **options).full_init()


def test_counts_people_with_one_image(make_images, logged) -> None:
    root = make_images(['train/a/1.jpg', 'train/a/2.jpg', 'train/b/1.jpg'])
    LabelledFolder(str(root)).full_init()
    assert '1 of 2 identities have one image only' in logged[-1]
    assert 'the camera-centroid loss' in logged[-2]


def test_target_without_an_answer(make_images, logged) -> None:
    def build(query: str, gallery: str) -> LabelledFolder:
        root = make_images([f'{query}/query/{query}', f'{query}/gallery/{gallery}'])
        dataset = LabelledFolder(str(root / query), split='test')
        dataset.full_init()
        return dataset

    with pytest.raises(ValueError, match='none of the 1 queries shows a person who'):
        build('a/c1_1.jpg', 'b/c2_1.jpg')
    dataset = build('b/c1_1.jpg', 'b/c1_2.jpg')
    assert '1 of 1 queries show a person whom no other' in logged[-1]
    assert dataset.split_checks[0].without_match == 1
    assert build('c/c1_1.jpg', 'c/c2_2.jpg').split_checks[0].without_match == 0
