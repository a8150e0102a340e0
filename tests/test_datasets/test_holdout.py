from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamix.datasets import LabelledFolder, Market1501, TargetDataset, VIPeR
from dynamix.datasets.holdout import is_held_out, pick_queries


def people_of(dataset: LabelledFolder) -> set[str]:
    """Folders or first words of names, of the images."""
    dataset.full_init()
    names = [Path(dataset.table.path(i)) for i in range(len(dataset))]
    if isinstance(dataset, Market1501):
        return {f'{name.parent.name}/{name.name.partition("_")[0]}' for name in names}
    return {f'{name.parent.parent.name}/{name.parent.name}' for name in names}


def crops(people: range, part: str = 'train') -> list[str]:
    return [f'{part}/p{p}/c{c}_{i}.jpg' for p in people for c in (1, 2) for i in (1, 2)]


def test_about_the_share_by_the_label_alone() -> None:
    labels = [*range(2_000), *(f'anna {i}' for i in range(2_000))]
    for fraction in (0.1, 0.25):
        held = sum(is_held_out(label, fraction) for label in labels)
        assert abs(held / 4_000 - fraction) < 0.02
    assert all(is_held_out(n, 0.2) for n in labels if is_held_out(n, 0.1)), 'nested'
    # on every machine, in every version: these would be other people otherwise
    assert [n for n in range(60) if is_held_out(n, 0.1)] == [9, 39, 49, 51, 55]
    assert is_held_out(os.fsdecode(b'\xff'), 1.0)


def test_training_and_holdout_share_nobody(make_images, tmp_path) -> None:
    root = str(make_images(crops(range(20))))
    everybody = people_of(LabelledFolder(root))
    train = people_of(LabelledFolder(root, holdout=0.25))
    held = people_of(LabelledFolder(root, split='holdout', holdout=0.25))
    assert train | held == everybody
    assert not train & held
    make_images([*crops(range(20, 40)), 'train/p3/c9_9.jpg', *crops(range(9), 'query')])
    make_images(crops(range(9), 'gallery'))
    options = dict(holdout=0.25, cache_dir=str(tmp_path / 'later'))
    after = people_of(LabelledFolder(root, **options))
    assert after & everybody == train, 'whoever was trained on still is'
    both = people_of(LabelledFolder(root, split='all', **options))
    assert {name for name in both if name.startswith('train/')} == after
    assert len(both - after) == 18, 'people of the test part are others'


def test_holdout_is_a_target(make_images) -> None:
    root = str(make_images(crops(range(20))))
    options = dict(type='dynamix.LabelledFolder', data_root=root)
    target = TargetDataset([dict(options, split='holdout', holdout=0.25)])
    assert target.metainfo == dict(
        targets=['labelled_folder_holdout'], camera_problems=[]
    )
    (dataset,) = target.datasets
    people = len(np.unique(dataset.table.identity))
    (check,) = dataset.split_checks
    assert (check.queries, check.gallery) == (2 * people, 2 * people)
    assert check.without_match == 0
    info = target.get_data_info(0)
    assert (info['query_splits'], info['gallery_splits']) == ((0,), ())
    assert info['target'] == 'labelled_folder_holdout'


def test_market_1501(make_images) -> None:
    folders = ('bounding_box_train', 'query', 'bounding_box_test')
    numbers = ['-1', '0000', *(f'{i:04d}' for i in range(1, 30))]
    root = str(
        make_images(
            f'{folder}/{number}_c{camera}s1_{image}.jpg'
            for folder in folders
            for number in numbers
            for camera in (1, 2)
            for image in (1, 2)
        )
    )
    assert is_held_out(0, 0.4), 'would be, if it were a person'
    held = people_of(Market1501(root, split='holdout', holdout=0.4))
    train = people_of(Market1501(root, holdout=0.4))
    expected = {i for i in range(1, 30) if is_held_out(i, 0.4)}
    assert held == {f'bounding_box_train/{i:04d}' for i in expected}
    assert len(train) == 29 - len(expected)
    everybody = people_of(Market1501(root, split='all', holdout=0.4))
    assert not held & everybody
    assert len(everybody) == len(train) + 2 * 29


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=30))
def test_queries_like_loops(rows) -> None:
    pairs = np.array(rows, int).reshape(-1, 2)
    found = pick_queries(*pairs.T)
    expected = [False] * len(rows)
    for person in {person for person, _ in rows}:
        images = [i for i, row in enumerate(rows) if row[0] == person]
        views = [[i for i in images if rows[i] == rows[first]] for first in images]
        first_of_many = {view[0] for view in views if len(view) > 1}
        if not first_of_many and len(images) > 1:
            first_of_many = {images[0]}
        for i in first_of_many:
            expected[i] = True
    assert found.tolist() == expected
    for i in np.flatnonzero(found):  # whoever another camera saw is found there
        others = (pairs[:, 0] == pairs[i, 0]) & (pairs[:, 1] != pairs[i, 1])
        assert (others & ~found).any() == others.any()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            dict(holdout=0.001),
            'holdout=0.001 holds out 0 of 20 people, but at',
        ),
        (dict(holdout=1, split='holdout'), r'holds out 20 of 20 people'),
        (dict(holdout=0.1, split='test'), r"got holdout=0.1 with split='test'"),
        (dict(split='holdout'), r"got holdout=None with split='holdout'"),
        (dict(holdout=10), r'labelled_folder.holdout` must be a number in 0..1'),
    ],
)
def test_says_what_is_wrong(make_images, options, message) -> None:
    root = str(make_images(crops(range(20))))
    with pytest.raises(ValueError, match=message):
        LabelledFolder(root, **options).full_init()


def test_data_without_a_training_split() -> None:
    with pytest.raises(ValueError, match=r"viper: `holdout` is .* with split='all'"):
        VIPeR('x', split='all', holdout=0.1)
    with pytest.raises(ValueError, match="unknown split 'holdout'"):
        VIPeR('x', split='holdout', holdout=0.1)
