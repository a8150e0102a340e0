from __future__ import annotations

import numpy as np

from dynamix.visualization import RankedImage, draw_rank_sheet


def crop(value: int = 128, height: int = 64, width: int = 32) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_frames_say_what_is_right_and_the_query_is_dark():
    found = [RankedImage(crop(), right) for right in (True, False)]
    drawn = draw_rank_sheet([(RankedImage(crop()), found)]).astype(int)
    assert drawn[80, 4].max() < 60
    wide = 80 + 2 * 3 + 6  # of an image with its frame and margins
    for n, strongest in ((2, 1), (1, 2)):  # green, red
        frame = drawn[80, -(n - 1) * wide - 5]
        assert frame.argmax() == strongest
        assert np.ptp(frame) > 100


def test_images_keep_their_order_and_colour():
    values = [10, 90, 170, 250]
    query, *found = [RankedImage(crop(value)) for value in values]
    middle = draw_rank_sheet([(query, found)])[80, :, 0]
    seen = [int(v) for v in middle if v in values]
    assert sorted(seen) == seen
    assert {*seen} == {*values}


def test_captions_are_drawn_and_long_ones_shrink():
    plain = draw_rank_sheet([(RankedImage(crop()), [])])
    for caption in ('7', 'a caption far longer than the image is wide'):
        drawn = draw_rank_sheet([(RankedImage(crop(), None, caption), [])])
        assert drawn.shape == plain.shape
        changed = np.argwhere((drawn != plain).any(axis=2))
        assert len(changed)
        assert changed[:, 0].min() > 166


def test_rows_of_different_lengths_make_one_sheet():
    found = RankedImage(crop(height=512))
    rows = [(RankedImage(crop()), [found] * n) for n in (3, 1, 0)]
    sheet = draw_rank_sheet(rows)
    assert sheet.shape == (3 * 188, draw_rank_sheet(rows[:1]).shape[1], 3)
    assert sheet.dtype == np.uint8
    assert (sheet[-1, -1] == 255).all()
