from __future__ import annotations

import numpy as np
import pytest

from dynamix.visualization import RankedImage, draw_rank_list, draw_rank_sheet


def crop(value: int = 128, height: int = 64, width: int = 32) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


@pytest.mark.parametrize(
    ('right', 'strongest'), [(True, 1), (False, 2)], ids=['green', 'red']
)
def test_frames_say_what_is_right(right, strongest):
    drawn = draw_rank_list(RankedImage(crop()), [RankedImage(crop(), right)])
    frame = drawn[80, -5].astype(int)
    assert frame.argmax() == strongest
    assert np.ptp(frame) > 100


def test_unknown_is_grey_and_the_query_dark():
    drawn = draw_rank_list(RankedImage(crop()), [RankedImage(crop())])
    assert np.ptp(drawn[80, -5]) == 0
    assert drawn[80, 4].max() < 60


def test_images_keep_their_order_and_colour():
    values = [10, 90, 170, 250]
    drawn = draw_rank_list(
        RankedImage(crop(values[0])), [RankedImage(crop(v)) for v in values[1:]]
    )
    middle = drawn[80, :, 0]
    seen = [int(v) for v in middle if v in values]
    assert sorted(seen) == seen
    assert set(seen) == set(values)


def test_captions_are_drawn_and_long_ones_shrink():
    plain = draw_rank_list(RankedImage(crop()), [])
    for caption in ('7', 'a caption far longer than the image is wide'):
        drawn = draw_rank_list(RankedImage(crop(), None, caption), [])
        assert drawn.shape == plain.shape
        changed = np.argwhere((drawn != plain).any(axis=2))
        assert len(changed)
        assert changed[:, 0].min() > 166


def test_rows_of_different_lengths_make_one_sheet():
    rows = [
        (RankedImage(crop()), [RankedImage(crop(height=128))] * n) for n in (3, 1, 0)
    ]
    sheet = draw_rank_sheet(rows, height=100)
    assert sheet.shape == (3 * 128, draw_rank_list(*rows[0], height=100).shape[1], 3)
    assert sheet.dtype == np.uint8
    assert (sheet[-1, -1] == 255).all()


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r'\[64, 32\] uint8'):
        draw_rank_list(RankedImage(crop()[..., 0]), [])
    with pytest.raises(ValueError, match='at least one query'):
        draw_rank_sheet([])
