from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from mmcv.transforms import Compose, RandomFlip
from mmpretrain.datasets.transforms import RandomCrop
from scipy.stats import chisquare

from dynamix.datasets import seeded
from dynamix.datasets.transforms import RandomFlipCrop
from dynamix.datasets.transforms.random_flip_crop import flip_and_move

IMAGE = np.random.default_rng(0).integers(1, 255, (3, 4, 3), dtype=np.uint8)
STOCK = Compose([RandomFlip(prob=0.5), RandomCrop(crop_size=(3, 4), padding=2)])


def crops(padding: int) -> dict[tuple[bool, int, int], np.ndarray]:
    """All results, by what was drawn."""
    border = ((padding, padding), (padding, padding), (0, 0))
    padded = {
        flip: np.pad(IMAGE[:, ::-1] if flip else IMAGE, border) for flip in (0, 1)
    }
    moves = range(-padding, padding + 1)
    return {
        (bool(flip), down, right): padded[flip][
            padding - down : padding - down + 3, padding - right : padding - right + 4
        ]
        for flip in (0, 1)
        for down in moves
        for right in moves
    }


@pytest.mark.parametrize('transform', [RandomFlipCrop(padding=2), STOCK])
def test_all_crops_are_equally_likely_as_with_the_stock_transforms(transform) -> None:
    expected = {crop.tobytes() for crop in crops(2).values()}
    assert len(expected) == 2 * 5 * 5
    with seeded(0):
        found = Counter(
            np.ascontiguousarray(transform(dict(img=IMAGE))['img']).tobytes()
            for _ in range(3000)
        )
    assert found.keys() == expected
    assert chisquare([*found.values()]).pvalue > 0.001


@pytest.mark.parametrize('padding', [0, 1, 6])
def test_moves_by_what_is_drawn_on_black(padding) -> None:
    for image in (IMAGE, np.asfortranarray(IMAGE)):
        for drawn, crop in crops(padding).items():
            found = flip_and_move(image, *drawn)
            assert found.flags.c_contiguous
            assert (found == crop).all()
            assert not np.shares_memory(found, image)
    grey = flip_and_move(IMAGE[..., :1], True, 0, 0)
    assert (grey == IMAGE[:, ::-1, :1]).all()


def test_probability() -> None:
    transform = RandomFlipCrop(padding=3, prob=0.2)
    with seeded(0):
        flipped = sum(transform.draw()[0] for _ in range(1000))
    assert 150 < flipped < 250


@pytest.mark.parametrize('options', [dict(padding=-1), dict(padding=1, prob=2)])
def test_refuses_what_makes_no_sense(options) -> None:
    with pytest.raises(ValueError, match=[*options][-1]):
        RandomFlipCrop(**options)
