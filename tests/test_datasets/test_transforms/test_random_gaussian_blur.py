from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dynamix.datasets import seeded
from dynamix.datasets.transforms import RandomGaussianBlur

IMAGE = np.random.default_rng(0).integers(0, 255, (40, 30, 3), dtype=np.uint8)


def test_is_a_gaussian_of_the_sigma_drawn() -> None:
    blur = RandomGaussianBlur(sigma=(1.5, 1.5), prob=1)
    found = blur(dict(img=IMAGE))['img']
    expected = gaussian_filter(IMAGE.astype(float), (1.5, 1.5, 0), mode='mirror')
    assert np.abs(found - expected).max() < 3
    assert found is not IMAGE


def test_probability_and_range() -> None:
    blur = RandomGaussianBlur(sigma=(0.1, 2.0), prob=0.3)
    with seeded(0):
        drawn = [blur.draw() for _ in range(1000)]
    used = [sigma for sigma in drawn if sigma is not None]
    assert 240 < len(used) < 360
    assert 0.1 <= min(used) < 0.2
    assert 1.9 < max(used) <= 2.0


@pytest.mark.parametrize(
    'options', [dict(sigma=(0, 1)), dict(sigma=(2, 1)), dict(prob=2)]
)
def test_refuses_what_makes_no_sense(options) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        RandomGaussianBlur(**options)
