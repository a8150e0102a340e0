from __future__ import annotations

import cv2
import numpy as np
import pytest

from dynamix.datasets.transforms.load_reid_image import truncation

IMAGE = np.random.default_rng(0).integers(0, 255, (32, 15, 3), dtype=np.uint8)
CODED = {
    name: cv2.imencode(suffix, IMAGE, options)[1].tobytes()
    for name, (suffix, options) in dict(
        baseline=('.jpg', []),
        progressive=('.jpg', [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        restarts=('.jpg', [cv2.IMWRITE_JPEG_RST_INTERVAL, 1]),
        png=('.png', []),
    ).items()
}


@pytest.mark.parametrize('name', CODED)
def test_every_cut_is_seen_once_the_header_is_there(name) -> None:
    data = CODED[name]
    assert truncation(data) is None
    assert truncation(data + b'\0' * 100) is None, 'padding does no harm'
    for size in range(8, len(data)):
        assert truncation(data[:size]), size


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_image() -> None:
    small = CODED['baseline']
    segment = b'\xff\xe1' + (len(small) + 2).to_bytes(2, 'big') + small
    data = small[:2] + segment + small[2:]
    assert cv2.imdecode(np.frombuffer(data, np.uint8), 1) is not None
    assert truncation(data) is None
    assert truncation(data[:-2])


def test_what_a_phone_appends_is_no_part_of_the_image() -> None:
    picture = CODED['baseline']
    assert truncation(picture + b'video \xff\xda and so on') is None
    filled = picture[:2] + b'\xff\xff' + picture[2:]
    assert truncation(filled) is None
    assert truncation(filled[:-2]) is not None


def test_knows_nothing_of_other_formats() -> None:
    assert truncation(b'RIFF....WEBP') is None
    assert truncation(b'') == 'the file is empty'
