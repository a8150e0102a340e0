from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import functional as reference

from dynamix.datasets import seeded
from dynamix.datasets.transforms import RandomColorJitter
from dynamix.datasets.transforms.random_color_jitter import LUMA, change_colors

FACTOR = st.floats(0.5, 1.5)
IMAGE = np.random.default_rng(0).integers(60, 120, (16, 8, 3), dtype=np.uint8)


def as_reference(change, image: np.ndarray, factor: float) -> np.ndarray:
    """torchvision's answer, in float, for a BGR image."""
    rgb = torch.from_numpy(image[:, :, ::-1].copy()).permute(2, 0, 1) / 255
    return change(rgb, factor).permute(1, 2, 0).numpy()[:, :, ::-1] * 255


@settings(max_examples=40, deadline=None)
@given(b=FACTOR, c=FACTOR, s=FACTOR)
def test_agrees_with_torchvision_where_nothing_is_cut_off(b, c, s) -> None:
    expected = as_reference(
        lambda rgb, _: reference.adjust_saturation(
            reference.adjust_contrast(reference.adjust_brightness(rgb, b), c), s
        ),
        IMAGE,
        0,
    )
    inside = (expected > 1) & (expected < 254)
    difference = np.abs(change_colors(IMAGE, b, c, s, 0) - expected)
    assert difference[inside].max() < 1.1


def test_hue_turns_like_hsv_for_small_angles_and_keeps_the_luma() -> None:
    for hue in (-0.05, 0.05):
        found = change_colors(IMAGE, 1, 1, 1, hue).astype(float)
        expected = as_reference(reference.adjust_hue, IMAGE, hue)
        change = expected - IMAGE
        assert np.corrcoef((found - IMAGE).ravel(), change.ravel())[0, 1] > 0.6
        assert np.abs((found - IMAGE) @ LUMA).max() < 1
    back = change_colors(change_colors(IMAGE, 1, 1, 1, 0.05), 1, 1, 1, -0.05)
    assert np.abs(back - IMAGE.astype(int)).max() <= 2


def test_values_are_cut_off_not_wrapped() -> None:
    assert change_colors(IMAGE, 100, 1, 1, 0).min() == 255


def test_probabilities() -> None:
    image = IMAGE.copy()
    with seeded(0):
        never = RandomColorJitter(0.5, 0.5, 0.5, 0.1, prob=0)
        assert never(dict(img=image))['img'] is image
        gray = RandomColorJitter(prob=0, grayscale_prob=1)(dict(img=image))['img']
        assert np.ptp(gray, axis=2).max() == 0
        assert np.abs(gray[:, :, 0] - image @ LUMA).max() < 1
        half = RandomColorJitter(brightness=1, prob=0.5)
        changed = sum(half(dict(img=image))['img'] is not image for _ in range(400))
    assert 160 < changed < 240
    assert (image == IMAGE).all(), 'the input is not written to'


def test_draws_from_the_whole_range() -> None:
    with seeded(0):
        drawn = np.array(
            [RandomColorJitter(0.2, 0.3, 0.4, 0.1).draw() for _ in range(500)]
        )
    limits = np.array([0.2, 0.3, 0.4, 0.1])
    centre = np.array([1, 1, 1, 0])
    assert (np.abs(drawn - centre) <= limits).all()
    assert (np.ptp(drawn, axis=0) > 1.8 * limits).all()


@pytest.mark.parametrize('name', ['brightness', 'hue', 'prob', 'grayscale_prob'])
def test_refuses_what_is_out_of_range(name) -> None:
    with pytest.raises(ValueError, match=f'`{name}` must lie in 0'):
        RandomColorJitter(**{name: 1.5})
