from __future__ import annotations

import pickle

import numpy as np
import pytest

from dynamix.datasets.synthetic import SyntheticPedestrians

SIZE = (64, 32)
VIDEOS = dict(split='videos', num_videos=4, image_size=SIZE)


def make(**options) -> SyntheticPedestrians:
    data = SyntheticPedestrians(**{**dict(image_size=SIZE), **options})
    data.full_init()
    return data


def pictures(data: SyntheticPedestrians, rows) -> np.ndarray:
    return np.stack([data.get_data_info(int(row))['img'] for row in rows])


@pytest.mark.parametrize(
    'options',
    [
        dict(num_identities=3),
        dict(split='test', num_identities=3, domain='x'),
        dict(VIDEOS, domain=[1, 2], stray_rate=0.2),
    ],
)
def test_pixels_depend_on_configuration_and_row_only(options):
    first, second = make(**options), make(**options)
    rows = np.random.default_rng(0).permutation(len(first))[:40]
    expected = pictures(first, rows)
    other = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(pictures(second, rows[::-1])[::-1], expected)
    np.testing.assert_array_equal(pictures(other, rows), expected)
    assert expected.dtype == np.uint8
    assert expected.shape == (len(rows), *SIZE, 3)
    changed = make(**options, seed=1)
    differs = [
        (a != b).mean() for a, b in zip(pictures(changed, rows[rows < 30]), expected)
    ]
    assert min(differs) > 0.3


def test_same_person_is_nearer_than_others_under_one_camera():
    data = make(num_identities=30, num_cameras=1, images_per_camera=4, domain=3)
    middle = pictures(data, range(len(data)))[:, 16:48, 10:22].astype(float)
    person = middle.reshape(30, 4, -1, 3).mean(axis=2)
    within = np.abs(person - person.mean(axis=1, keepdims=True)).mean()
    between = np.abs(person.mean(axis=1) - person.mean(axis=(0, 1))).mean()
    assert between > 1.5 * within


def test_domains_and_cameras_look_different():
    def statistics(**options) -> np.ndarray:
        data = make(num_identities=25, images_per_camera=2, num_cameras=4, **options)
        images = pictures(data, range(len(data))).astype(float)
        return images.reshape(25, 4, 2, -1, 3).mean(axis=(2, 3))

    domains = np.stack([statistics(domain=number) for number in range(4)])
    by_domain = domains.mean(axis=(1, 2))
    by_camera = domains.mean(axis=1)
    for values in (by_domain, *by_camera):
        gaps = np.abs(values[:, None] - values[None]).max(axis=-1)
        assert gaps[~np.eye(len(values), dtype=bool)].min() > 3.0
    assert np.abs(domains[0] - statistics(domain=0)).max() == 0


def test_training_table():
    data = make(num_identities=5, num_cameras=3, images_per_camera=2)
    table = data.table
    assert data.kind == 'multi_camera'
    assert data.truth is None
    assert 'paths' not in table.arrays
    np.testing.assert_array_equal(table.identity, np.repeat(np.arange(5), 6))
    np.testing.assert_array_equal(table.camera, np.tile([0, 0, 1, 1, 2, 2], 5))
    assert set(table.video.tolist()) == set(table.frame.tolist()) == {-1}
    info = data.get_data_info(7)
    assert info.keys() == {'image_index', 'img_path', 'img'}
    assert info['img_path'] == 'synthetic/d0/train/person1/c0/0001'
    assert data.get_data_info(-1)['image_index'] == 29
    with pytest.raises(IndexError):
        data.get_data_info(30)


def test_target():
    data = make(
        split='test',
        num_identities=4,
        num_cameras=2,
        images_per_camera=3,
        name='unseen',
    )
    query = [splits == (0,) for splits in data.query_splits]
    pairs = {*zip(data.table.identity[query].tolist(), data.table.camera[query])}
    assert sum(query) == len(pairs) == 8
    assert [splits == () for splits in data.gallery_splits] == query
    info = data.get_data_info(0)
    assert (info['target'], info['identity'], info['camera']) == ('unseen', 0, 0)


def test_people_of_train_and_test_differ():
    train = make(num_identities=6, num_cameras=1, images_per_camera=1)
    test = make(split='test', num_identities=6, images_per_camera=4)
    gap = np.abs(
        pictures(train, range(6)).astype(int)
        - pictures(test, np.flatnonzero(test.table.camera == 0)[::4]).astype(int)
    )
    assert gap.mean(axis=(1, 2, 3)).min() > 3


def test_videos_table():
    data = make(**VIDEOS, domain='plaza', people_per_video=(3, 3), stray_rate=0.1)
    assert data.metainfo == dict(dataset_name='synthetic-plaza', kind='single_camera')
    assert data.truth.dtype == np.int32
    assert len(data.truth) == len(data.table) == len(data)
    assert data.table.identity.max() + 1 == len(np.unique(data.table.identity))
    nobody = int(np.flatnonzero(data.truth < 0)[0])
    assert '/nobody/' in data.get_data_info(nobody)['img_path']
    row = int(np.flatnonzero(data.truth == 4)[0])
    assert data.get_data_info(row)['img_path'] == (
        f'synthetic/dplaza/video001/person4/f{data.table.frame[row]:04d}'
    )


def test_stray_shows_the_person_named_by_truth():
    plain = make(**VIDEOS, stray_rate=0.0, switch_rate=0.0)
    stray = make(**VIDEOS, stray_rate=0.5, switch_rate=0.0)

    def keys(data: SyntheticPedestrians) -> list[tuple[int, ...]]:
        columns = data.table.video, data.table.frame, data.truth
        return [*zip(*(column.tolist() for column in columns))]

    row_of = {key: row for row, key in enumerate(keys(plain))}
    strays = np.flatnonzero(stray.truth != plain.truth)
    pairs = [(row, row_of.get(keys(stray)[row])) for row in strays.tolist()]
    pairs = [(row, same) for row, same in pairs if same is not None][:10]
    assert len(pairs) == 10
    for row, same in pairs:
        np.testing.assert_array_equal(
            stray.get_data_info(row)['img'], plain.get_data_info(same)['img']
        )


@pytest.mark.parametrize(
    ('options', 'error', 'key'),
    [
        (dict(split='gallery'), ValueError, 'split'),
        (dict(seed=-1), ValueError, 'seed'),
        (dict(image_size=64), ValueError, 'image_size'),
        (dict(image_size=(64,)), ValueError, 'image_size'),
        (dict(domain=[]), ValueError, 'domain'),
        (dict(domain=[0, 1]), ValueError, 'domain'),
        (dict(num_identities=0), ValueError, 'num_identities'),
        (dict(num_videos=3), TypeError, 'num_videos'),
        (dict(split='videos', num_identities=3), TypeError, 'num_identities'),
        (dict(split='videos', stray_rate=2), ValueError, 'stray_rate'),
    ],
)
def test_bad_option_is_named(options, error, key):
    with pytest.raises(error, match=key):
        SyntheticPedestrians(**options)
