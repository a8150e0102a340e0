from __future__ import annotations

import mmpretrain.datasets.transforms as stock
import numpy as np
import pytest
from scipy.stats import ks_2samp

from dynamix.datasets import seeded
from dynamix.datasets.transforms import RandomErasing

COLOR = [103.53, 116.28, 123.675]


@pytest.mark.parametrize('shape', [(256, 128), (20, 90)])
def test_draws_rectangles_like_mmpretrain(shape) -> None:
    ours, theirs = RandomErasing(COLOR), stock.RandomErasing()
    with seeded(0):
        found = np.array([ours.draw(*shape) for _ in range(3000)])
        expected = np.array([theirs.random_patch(*shape) for _ in range(3000)])
    for found_numbers, expected_numbers in zip(found.T, expected.T):
        assert ks_2samp(found_numbers, expected_numbers).pvalue > 0.001
        assert found_numbers.min() <= expected_numbers.min() + 2
    area = found[:, 2] * found[:, 3], expected[:, 2] * expected[:, 3]
    assert ks_2samp(*area).pvalue > 0.001


@pytest.mark.parametrize('drawn', [(3, 1, 5, 4), (0, 0, 12, 8), (2, 2, 0, 3)])
def test_fills_what_is_drawn_and_nothing_else(drawn, monkeypatch) -> None:
    top, left, rows, columns = drawn
    image = np.random.default_rng(0).integers(0, 100, (12, 8, 3), dtype=np.uint8)
    expected = image.copy()
    for row in range(top, top + rows):
        for column in range(left, left + columns):
            expected[row, column] = (103, 116, 123)
    erasing = RandomErasing(COLOR, prob=1)
    monkeypatch.setattr(erasing, 'draw', lambda height, width: drawn)
    mirrored = image[:, ::-1].copy()[
        :, ::-1
    ]  # strides as mmcv's RandomFlip leaves them
    for given in (image, mirrored):
        assert (erasing(dict(img=given))['img'] == expected).all()


def test_probability() -> None:
    erasing = RandomErasing([255] * 3, prob=0.3)
    with seeded(0):
        images = [
            erasing(dict(img=np.zeros((16, 8, 3), np.uint8)))['img']
            for _ in range(1000)
        ]
    assert 240 < sum(image.any() for image in images) < 360


@pytest.mark.parametrize('options', [dict(fill_color=[256] * 3), dict(prob=2)])
def test_refuses_what_makes_no_sense(options) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        RandomErasing(**{'fill_color': COLOR, **options})
