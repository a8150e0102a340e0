from __future__ import annotations

import pytest

from dynamix.datasets import LabelledFolder, TargetDataset, VIPeR


@pytest.fixture
def targets(make_images) -> list[dict]:
    root = make_images(
        ['query/a/c1_1.jpg', 'gallery/a/c2_1.jpg', 'train/a/c1_1.jpg']
        + [f'cam_a/{i}_0.bmp' for i in range(4)]
        + [f'cam_b/{i}_90.bmp' for i in range(4)]
    )
    return [
        dict(type='dynamix.LabelledFolder', data_root=str(root), split='test'),
        dict(type='dynamix.VIPeR', data_root=str(root)),
    ]


def test_items_know_their_target(targets) -> None:
    dataset = TargetDataset(targets)
    assert len(dataset) == 2 + 8
    assert dataset.metainfo == dict(
        targets=['labelled_folder', 'viper'], camera_problems=[]
    )
    items = [dataset[i] for i in range(len(dataset))]
    assert [item['image_index'] for item in items] == list(range(10))
    assert [item['target'] for item in items] == ['labelled_folder'] * 2 + ['viper'] * 8
    alone = VIPeR(targets[1]['data_root'])
    assert [{**item, 'image_index': i} for i, item in enumerate(items[2:])] == [
        alone[i] for i in range(8)
    ]


def test_pipeline_is_shared(targets) -> None:
    dataset = TargetDataset(targets, pipeline=[lambda info: info['target'][0]])
    assert [dataset[i] for i in (0, -1)] == ['l', 'v']


def test_says_what_is_wrong(targets) -> None:
    with pytest.raises(ValueError, match='at least one target'):
        TargetDataset([])
    with pytest.raises(ValueError, match='must have different names'):
        TargetDataset([targets[0]] * 2)
    with pytest.raises(TypeError, match=r'TargetDataset\.targets takes readers'):
        TargetDataset([[1, 2]])
    training = LabelledFolder(targets[0]['data_root'])
    with pytest.raises(ValueError, match="'labelled_folder' is a training set"):
        TargetDataset([training]).full_init()


def test_says_which_targets_need_a_metric_without_cameras(make_images) -> None:
    same = ['same/query/a/1.jpg', 'same/gallery/a/2.jpg']
    some = ['some/query/a/c1_1.jpg', 'some/gallery/a/c1_2.jpg']
    root = make_images(
        [*same, *some, 'some/query/b/c1_1.jpg', 'some/gallery/b/c2_2.jpg']
    )
    targets = [
        LabelledFolder(str(root / name), split='test', name=name)
        for name in ('same', 'some')
    ]
    (message,) = TargetDataset(targets).metainfo['camera_problems']
    assert message.startswith("target 'same', split 0: none of its 1 queries has")
    assert message.endswith('set camera_aware=False of ReIDMetric.')
