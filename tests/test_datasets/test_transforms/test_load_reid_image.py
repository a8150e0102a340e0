from __future__ import annotations

import cv2
import numpy as np
import PIL.Image
import pytest

from dynamix.datasets.image_files import IMAGE_SUFFIXES
from dynamix.datasets.transforms import LoadReIDImage
from dynamix.datasets.transforms.load_reid_image import to_8_bit

IMAGE = np.random.default_rng(0).integers(0, 255, (20, 10, 3), dtype=np.uint8)


def test_reads_pixels_in_bgr(tmp_path) -> None:
    file = tmp_path / 'ä 1.png'
    file.write_bytes(cv2.imencode('.png', IMAGE)[1].tobytes())
    results = LoadReIDImage()(dict(img_path=str(file), image_index=3))
    assert (results['img'] == IMAGE).all()
    assert results['img_shape'] == results['ori_shape'] == (20, 10)
    assert results['image_index'] == 3


def test_greyscale_files_get_three_channels(tmp_path) -> None:
    file = tmp_path / 'a.png'
    cv2.imwrite(str(file), IMAGE[:, :, 0])
    image = LoadReIDImage()(dict(img_path=str(file)))['img']
    assert (image == IMAGE[:, :, :1]).all()
    assert image.shape == (20, 10, 3)


PICTURE = cv2.resize(IMAGE[:4, :2], (16, 32), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize('suffix', IMAGE_SUFFIXES)
def test_reads_every_suffix_that_readers_list(tmp_path, suffix) -> None:
    file = tmp_path / f'a{suffix}'
    picture = PIL.Image.fromarray(PICTURE[..., ::-1])
    if suffix == '.ras':
        cv2.imwrite(str(file), PICTURE)
    else:
        picture.convert('1' if suffix == '.pbm' else 'RGB').save(file)
        picture = PIL.Image.open(file).convert('RGB')
    found = LoadReIDImage()(dict(img_path=str(file)))['img']
    assert found.shape == (32, 16, 3)
    assert np.abs(found[..., ::-1].astype(int) - np.asarray(picture)).mean() < 3


@pytest.mark.parametrize('suffix', ['.png', '.tiff'])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('factor', [16, 64, 257], ids=['12 bit', '14 bit', '16 bit'])
def test_deep_images_are_scaled_by_their_depth(
    tmp_path, suffix, channels, factor
) -> None:
    eight = np.ascontiguousarray(PICTURE[..., :channels])
    file = tmp_path / f'a{suffix}'
    cv2.imwrite(str(file), eight.astype(np.uint16) * factor)
    found = LoadReIDImage()(dict(img_path=str(file)))['img']
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - eight).max() <= 1


@pytest.mark.parametrize(
    'values',
    [
        7000 + 8 * PICTURE[..., 0].astype(np.uint16),
        20 + PICTURE[..., 0].astype(np.float32) / 15,
        PICTURE[..., 0].astype(np.float32) / 255,
        PICTURE[..., 0].astype(np.int16) - 300,
    ],
    ids=['raw', 'degrees', 'shares', 'signed'],
)
def test_thermal_images_are_stretched(tmp_path, values) -> None:
    cv2.imwrite(str(tmp_path / 'a.tiff'), values)
    found = LoadReIDImage()(dict(img_path=str(tmp_path / 'a.tiff')))['img']
    assert (found.min(), found.max()) == (0, 255)
    linear = np.corrcoef(found[..., 0].ravel(), values.ravel())[0, 1]
    assert linear > 0.999


def test_a_deep_image_of_one_value() -> None:
    assert np.array_equal(to_8_bit(np.full((2, 2), 700, np.uint16)), [[0, 0], [0, 0]])


def test_drawn_images_pass_through() -> None:
    results = LoadReIDImage()(dict(img_path='drawn 5', img=IMAGE))
    assert results['img'] is IMAGE
    assert results['img_shape'] == (20, 10)


BAD = {
    'missing.jpg': (None, FileNotFoundError, 'is missing'),
    'empty.jpg': (b'', ValueError, 'is cut off: the file is empty'),
    'text.jpg': (b'<html>', ValueError, 'cannot be decoded'),
    'cut.jpg': (
        cv2.imencode('.jpg', IMAGE)[1].tobytes()[:-2],
        ValueError,
        'is cut off: a JPEG of .* without its end marker',
    ),
    'cut.png': (cv2.imencode('.png', IMAGE)[1].tobytes()[:-9], ValueError, 'a PNG'),
    'cut.bmp': (cv2.imencode('.bmp', IMAGE)[1].tobytes()[:-9], ValueError, 'truncated'),
    'header.png': (b'\x89PNG', ValueError, 'cannot be decoded'),
}


@pytest.mark.parametrize('name', BAD)
def test_a_bad_file_is_named_and_skipped_only_when_told_to(
    tmp_path, name, logged
) -> None:
    content, error, message = BAD[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    info = dict(img_path=str(tmp_path / name), image_index=3)
    with pytest.raises(error, match=f'{name} {message}|{name} .*{message}'):
        LoadReIDImage()(dict(info))
    results = LoadReIDImage(skip_unreadable=True)(info)
    assert results['image_index'] == -1
    assert results['img'].shape == (256, 128, 3)
    assert (results['img'] == 128).all()
    assert 'query_splits' not in results
    assert logged[-1].startswith('Skipped: ')
    assert name in logged[-1]


def test_a_skipped_image_is_in_no_split_of_a_target(tmp_path) -> None:
    results = LoadReIDImage(skip_unreadable=True)(
        dict(img_path='none', image_index=3, query_splits=(0,), gallery_splits=(0,))
    )
    assert results['query_splits'] == results['gallery_splits'] == ()


def test_other_errors_are_not_swallowed() -> None:
    with pytest.raises(KeyError):
        LoadReIDImage(skip_unreadable=True)({})
