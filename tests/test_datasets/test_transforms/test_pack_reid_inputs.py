from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate, pseudo_collate

from dynamix.datasets.transforms import PackReIDInputs
from dynamix.models.reid import ReIDDataPreprocessor


@pytest.mark.parametrize('shape', [(8, 4, 3), (5, 7, 3), (3, 2, 1)])
def test_is_the_transposed_image(shape) -> None:
    image = (np.random.default_rng(0).random(shape) * 255).astype(np.uint8)
    for view in (image, image[::-1, ::-1], image[1:, :2], np.asfortranarray(image)):
        tensor = PackReIDInputs()(dict(img=view, image_index=0))['inputs']
        assert tensor.is_contiguous()
        assert (tensor.numpy() == view.transpose(2, 0, 1)).all()
        assert not np.shares_memory(tensor.numpy(), image)


def test_packs_views_and_what_is_known() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    packed = PackReIDInputs()(
        dict(img=[image, image + 1], image_index=5, img_path='a', flip=True)
    )
    first, second = packed['inputs']
    assert first.shape == (3, 4, 2)
    assert torch.equal(first + 1, second)
    sample = packed['data_samples']
    assert sample.metainfo == dict(image_index=5, img_path='a')
    batch = default_collate([packed, packed])
    assert [view.shape for view in batch['inputs']] == [(2, 3, 4, 2)] * 2
    assert [s.image_index for s in batch['data_samples']] == [5, 5]


def test_packs_one_image_with_its_labels() -> None:
    info = dict(
        image_index=0,
        img_path='a',
        target='viper',
        identity=7,
        camera=1,
        query_splits=(0, 3),
        gallery_splits=(),
    )
    packed = PackReIDInputs()(dict(info, img=np.zeros((4, 2, 3), np.uint8)))
    assert packed['inputs'].dtype == torch.uint8
    assert packed['data_samples'].metainfo == info


@pytest.mark.parametrize('views', [1, 2])
@pytest.mark.parametrize('size', [1, 2, 3])
def test_both_ways_of_mmengine_to_collate_give_the_same_batch(views, size) -> None:
    rng = np.random.default_rng(0)
    items = []
    for index in range(size):
        images = [*rng.integers(0, 256, (views, 4, 2, 3), np.uint8)]
        info = dict(img=images if views > 1 else images[0], image_index=index)
        items.append(PackReIDInputs()(info))
    preprocess = ReIDDataPreprocessor(mean=[9.0, 8, 7], std=[2.0] * 3, bgr_to_rgb=True)
    expected = preprocess(default_collate(items))
    found = preprocess(pseudo_collate(items))
    torch.testing.assert_close(found['inputs'], expected['inputs'])
    shapes = (
        [x.shape for x in found['inputs']] if views > 1 else [found['inputs'].shape]
    )
    assert shapes == [(size, 3, 4, 2)] * views
    assert [s.image_index for s in found['data_samples']] == [*range(size)]
