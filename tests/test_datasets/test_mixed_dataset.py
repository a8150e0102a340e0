from __future__ import annotations

import pickle
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from dynamix.datasets import (
    ImageTable,
    LabelledFolder,
    MixedDataset,
    ReIDDataset,
    SampleKey,
    SyntheticPedestrians,
    TrackletFolder,
)
from dynamix.registry import DATASETS


class Drawn(ReIDDataset):
    """Columns given, images numbered."""

    CACHED = False

    def __init__(self, kind: str, rows: list[tuple], name: str, truth=None) -> None:
        super().__init__(name=name)
        self.kind = kind
        self.rows = rows
        self.given_truth = truth

    def build_table(self) -> ImageTable:
        columns = [np.array(c, np.int64) for c in zip(*self.rows)]
        names = [f'{self.name}{i}' for i in range(len(self.rows))]
        return ImageTable.from_columns(*columns, paths=names)

    def read_table(self) -> None:
        self.truth = self.given_truth


@st.composite
def source(draw, kind: str) -> dict:
    size = draw(st.integers(1, 6))
    numbers = st.sampled_from([0, 2, 7, 2**14])  # with gaps
    labels = st.lists(numbers, min_size=size, max_size=size)
    identity, place, frame = draw(labels), draw(labels), draw(labels)
    if kind == 'multi_camera':
        rows = [(i, c, -1, -1) for i, c in zip(identity, place)]
        return dict(kind=kind, rows=rows)
    rows = [(i, 0, v, f) for i, v, f in zip(identity, place, frame)]
    truth = np.array(draw(labels), np.int32) if draw(st.booleans()) else None
    return dict(kind=kind, rows=rows, truth=truth)


def source_of(dataset: MixedDataset, i: int) -> tuple[int, int]:
    for number, span in enumerate(dataset.sources):
        if span.images.start <= i < span.images.stop:
            return number, i - span.images.start
    raise AssertionError


@settings(max_examples=60, deadline=None)
@given(
    multi=st.lists(source('multi_camera'), max_size=3),
    single=st.lists(source('single_camera'), max_size=3),
)
def test_labels_meet_only_where_they_did_within_a_source(multi, single) -> None:
    given = [*multi, *single]
    if not given:
        return
    built = [Drawn(name=f's{i}_', **s) for i, s in enumerate(given)]
    mixed = MixedDataset(built[: len(multi)], built[len(multi) :])
    assert len(mixed) == sum(len(s['rows']) for s in given)
    where = [source_of(mixed, i) for i in range(len(mixed))]
    identity = mixed.identity_table.identity
    for i, (a, row_a) in enumerate(where):
        assert mixed.get_data_info(i) == dict(image_index=i, img_path=f's{a}_{row_a}')
        one = given[a]['rows'][row_a]
        single_a = a >= len(multi)
        assert (mixed.video[i] == -1) == (not single_a)
        assert mixed.frame[i] == one[3]
        for j, (b, row_b) in enumerate(where):
            other = given[b]['rows'][row_b]
            both = a == b
            assert (identity[i] == identity[j]) == (both and one[0] == other[0])
            place = 2 if single_a else 1
            assert (mixed.camera[i] == mixed.camera[j]) == (
                both and one[place] == other[place]
            )
            if single_a:
                assert (mixed.video[i] == mixed.video[j]) == (
                    both and one[2] == other[2]
                )
            assert (mixed.scene[i] == mixed.scene[j]) == (
                both and (not single_a or one[2] == other[2])
            )
    assert set(identity) == set(range(max(identity) + 1)), 'no number is left out'
    assert set(mixed.camera) == set(range(max(mixed.camera) + 1))
    assert set(mixed.scene) == set(range(max(mixed.scene) + 1))
    for number, span in enumerate(mixed.sources):
        rows = [i for i, (s, _) in enumerate(where) if s == number]
        assert list(range(*span.images.indices(len(mixed)))) == rows
        numbers = range(span.identities.start, span.identities.stop)
        assert {*identity[rows]} == {*numbers}
        assert span.kind == given[number]['kind']
    table = mixed.identity_table
    assert table.num_multi_camera_images == sum(len(s['rows']) for s in multi)


def test_truth_is_unique_over_sources_and_kept_for_scoring() -> None:
    rows = [(0, 0, 0, -1), (1, 0, 0, -1)]
    with_truth = Drawn('single_camera', rows, 'a', np.array([3, 3], np.int32))
    without = Drawn('single_camera', rows, 'b')
    people = Drawn('multi_camera', [(0, 0, -1, -1)] * 2, 'c')
    mixed = MixedDataset([people], [without, with_truth])
    mixed.full_init()
    assert mixed.truth.tolist() == [0, 0, -1, -1, 4, 4]
    mixed = MixedDataset([people, people], [with_truth, with_truth])
    mixed.full_init()
    assert mixed.truth.tolist() == [0, 0, 1, 1, 5, 5, 9, 9]
    mixed = MixedDataset([people], [without])
    mixed.full_init()
    assert mixed.truth is None


PEOPLE = Drawn('multi_camera', [(0, 0, -1, -1), (1, 0, -1, -1)], 'people')
# (tracklet, camera, video, frame): person 9 is in two videos, the last is nobody.
ROWS = [(0, 0, 0, 0), (1, 0, 0, 1), (2, 0, 0, 2), (3, 0, 1, 0), (3, 0, 1, 1)]
TRUTH = np.array([9, 9, 4, 9, -1], np.int32)


@pytest.mark.parametrize(
    ('labels', 'expected'),
    [
        ('tracker', [2, 3, 4, 5, 5]),
        ('truth', [3, 3, 2, 3, -1]),
        ('truth_in_video', [3, 3, 2, 4, -1]),
    ],
)
def test_labels_of_single_camera_images(labels, expected) -> None:
    videos = Drawn('single_camera', ROWS, 'videos', TRUTH)
    mixed = MixedDataset([PEOPLE], [videos], labels=labels)
    mixed.full_init()
    table = mixed.identity_table
    assert table.identity.tolist() == [0, 1, *expected]
    assert table.original.tolist() == [0, 1, *expected]
    assert mixed.sources[1].identities == slice(2, table.num_identities)


def test_truth_that_is_not_known() -> None:
    videos = Drawn('single_camera', ROWS, 'videos')
    mixed = MixedDataset([PEOPLE], [videos], labels='truth')
    with pytest.raises(ValueError, match="'videos' does not know the truth"):
        mixed.full_init()
    with pytest.raises(ValueError, match=r"must be one of .* but got 'best'"):
        MixedDataset([PEOPLE], labels='best')


def test_says_what_is_wrong(make_images) -> None:
    with pytest.raises(ValueError, match='at least one source'):
        MixedDataset()
    with pytest.raises(TypeError, match=r'MixedDataset\.single_camera .* got a list'):
        MixedDataset(single_camera=[[1, 2]])
    people = Drawn('multi_camera', [(0, 0, -1, -1)], 'people')
    with pytest.raises(ValueError, match="'people' is multi_camera data, but"):
        MixedDataset(single_camera=[people])
    root = make_images(['query/a/c1_1.jpg', 'gallery/a/c2_1.jpg'])
    target = LabelledFolder(str(root), split='test')
    with pytest.raises(ValueError, match='is an evaluation set'):
        MixedDataset([target]).full_init()


def test_workers_get_no_labels() -> None:
    rows = [(i, 0, 0, -1) for i in range(20_000)]
    mixed = MixedDataset(single_camera=[Drawn('single_camera', rows, 'x')])
    mixed.full_init()
    mixed.datasets[0].rows = []
    sent = pickle.dumps(mixed)
    again = pickle.loads(sent)
    assert again[19_999]['image_index'] == 19_999
    assert not hasattr(again, 'identity_table')
    assert mixed.identity_table.identity[19_999] == 19_999


def test_workers_get_no_truth(make_images) -> None:
    root = make_images(f'v/t{i}/{i}.jpg' for i in range(50))
    lines = [f'v,t{i},p{i % 7}' for i in range(50)]
    (root / 'truth.csv').write_text('\n'.join(['video,tracklet,person', *lines]))
    source = TrackletFolder(str(root), truth='truth.csv')
    drawn = SyntheticPedestrians('videos', num_videos=1, image_size=(32, 16))
    mixed = MixedDataset(single_camera=[source, drawn])
    mixed.full_init()
    again = pickle.loads(pickle.dumps(mixed))
    assert [dataset.truth for dataset in again.datasets] == [None, None]
    assert again[49]['img_path'] == mixed[49]['img_path']
    assert np.array_equal(again[50]['img'], mixed[50]['img'])
    assert source.truth is not None
    assert drawn.truth is not None
    assert mixed.truth.max() >= 7


PIPELINE = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=(32, 64)),
    dict(
        type='mmpretrain.MultiView',
        num_views=[1, 1],
        transforms=[
            [
                dict(type='RandomFlip', prob=0.5),
                dict(type='mmpretrain.RandomCrop', crop_size=(64, 32), padding=5),
                dict(type='RandomColorJitter', brightness=0.5, hue=0.1),
                dict(type='RandomGaussianBlur'),
                dict(type='mmpretrain.RandomErasing', erase_prob=0.5, mode='rand'),
            ],
            [],
        ],
    ),
    dict(type='PackReIDInputs'),
]


@pytest.mark.parametrize('workers', [0, 2])
def test_pixels_depend_on_the_key_alone(make_images, workers) -> None:
    from mmengine.registry import DefaultScope

    root = make_images(
        f'train/{p}/c{c}_{i}.jpg' for p in 'ab' for c in '12' for i in '12'
    )
    with DefaultScope.overwrite_default_scope('dynamix'):
        mixed = DATASETS.build(
            dict(
                type='MixedDataset',
                multi_camera=[dict(type='LabelledFolder', data_root=str(root))],
                pipeline=PIPELINE,
            )
        )
    mixed.full_init()
    keys = [SampleKey(i % 8, 100 + i // 2) for i in range(16)]
    expected = [mixed[key]['inputs'] for key in keys]
    random.seed(workers)
    before = random.getstate(), torch.get_rng_state()
    loader = DataLoader(
        mixed, batch_size=4, sampler=keys, num_workers=workers, collate_fn=list
    )
    found = [item for batch in loader for item in batch]
    if workers == 0:
        assert random.getstate() == before[0]
    for (augmented, plain), item, key in zip(expected, found, keys):
        assert torch.equal(item['inputs'][0], augmented)
        assert torch.equal(item['inputs'][1], plain)
        assert item['data_samples'].image_index == key.index
    other = mixed[SampleKey(0, 7)]['inputs']
    assert not torch.equal(other[0], expected[0][0])
    assert torch.equal(other[1], expected[0][1]), 'the plain view has no randomness'
