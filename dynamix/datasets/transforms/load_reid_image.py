from __future__ import annotations

import io
import logging
import struct
from typing import Any

import cv2
import numpy as np
import PIL.Image
from mmcv.transforms import BaseTransform
from mmengine import fileio
from mmengine.logging import print_log

from dynamix.registry import TRANSFORMS

GREY = 128
GREY_SHAPE = (256, 128, 3)
JPEG_START = b'\xff\xd8'
JPEG_SCAN = b'\xff\xda'
JPEG_END = b'\xff\xd9'
PNG_START = b'\x89PNG\r\n\x1a\n'
PNG_END = b'IEND\xaeB`\x82'


@TRANSFORMS.register_module()
class LoadReIDImage(BaseTransform):
    """Reads and decodes an image, and notices when part of it is missing.

    Images that are there already (drawn data) pass through. Ours; unlike mmcv's
    ``LoadImageFromFile`` it refuses files that were cut off, which OpenCV fills with
    grey, names the file in every error, reads with Pillow what OpenCV cannot, and
    scales images of more than 8 bits by the range they use, see :func:`to_8_bit`.

    Required keys: ``img_path``. Added keys: ``img`` (HWC uint8 BGR array),
    ``img_shape``, ``ori_shape``.

    Args:
        skip_unreadable (bool): Whether an image that cannot be read is replaced by a
            grey one, with a warning, instead of ending the run. Its ``image_index``
            is then -1, so that it takes part in no loss and can be counted; of an
            evaluation set it is in no split. Defaults to False.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be decoded, or is cut off.
    """

    def __init__(self, skip_unreadable: bool = False) -> None:
        self.skip_unreadable = skip_unreadable

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Adds the image."""
        if 'img' not in results:
            try:
                results['img'] = self._read(results['img_path'])
            except (OSError, ValueError) as error:
                if not self.skip_unreadable:
                    raise
                print_log(f'Skipped: {error}', logger='current', level=logging.WARNING)
                self._replace(results)
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results

    def _read(self, path: str) -> np.ndarray:
        try:
            data = fileio.get(path)
        except FileNotFoundError as error:
            raise FileNotFoundError(f'the image {path} is missing.') from error
        missing = truncation(data)
        if missing is not None:
            raise ValueError(f'the image {path} is cut off: {missing}.')
        try:
            return decode(data)
        except Exception as error:
            raise ValueError(f'the image {path} cannot be decoded: {error}') from error

    def _replace(self, results: dict[str, Any]) -> None:
        results['img'] = np.full(GREY_SHAPE, GREY, np.uint8)
        results['image_index'] = -1
        if 'query_splits' in results:
            results.update(query_splits=(), gallery_splits=())


def decode(data: bytes) -> np.ndarray:
    """Decodes a file with OpenCV, else with Pillow: ``[H, W, 3]`` uint8 BGR."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        with PIL.Image.open(io.BytesIO(data)) as opened:
            deep = opened.mode[0] in 'IF'  # 16 or 32 bits a pixel
            image = np.asarray(opened if deep else opened.convert('RGB'))
        image = np.stack([image] * 3, -1) if image.ndim == 2 else image[..., ::-1]
    return np.ascontiguousarray(to_8_bit(image))


def to_8_bit(image: np.ndarray) -> np.ndarray:
    """Scales an image of more than 8 bits a channel, of any shape, to 8 bits.

    Unsigned integers are scaled by the depth of a camera, 10, 12, 14 or 16 bits: the
    smallest that holds all values. Where values fill less than a quarter of that, as
    in thermal images, and for all other types, the lowest value becomes 0 and the
    highest 255. Ours.
    """
    if image.dtype == np.uint8:
        return image
    values = np.nan_to_num(image.astype(np.float64), posinf=0, neginf=0)
    low, high = values.min(), values.max()
    if image.dtype == np.uint16:
        full = next(2**bits - 1 for bits in (10, 12, 14, 16) if high < 2**bits)
        if high - low >= full / 4:
            low, high = 0, full
    scale = 255 / (high - low) if high > low else 0
    return ((values - low) * scale).round().astype(np.uint8)


def truncation(data: bytes) -> str | None:
    """Names what is missing of a JPEG or PNG file that was cut off; None: nothing.

    Searches for the end that the format prescribes. Bytes after it are allowed.
    """
    if not data:
        return 'the file is empty'
    # A thumbnail in the header of a JPEG has an end of its own; within a scan the end
    # marker cannot occur by chance.
    if data.startswith(JPEG_START):
        scan = _first_scan(data)
        if not data.endswith(JPEG_END, scan) and data.find(JPEG_END, scan) < 0:
            return f'a JPEG of {len(data)} bytes without its end marker'
    if data.startswith(PNG_START) and data.rfind(PNG_END) < 0:
        return f'a PNG of {len(data)} bytes without its end chunk'
    return None


def _first_scan(data: bytes) -> int:
    """Where the segments of a JPEG's header end; past the data if it is cut off."""
    at = len(JPEG_START)
    while data[at : at + 1] == b'\xff' and data[at : at + 2] != JPEG_SCAN:
        if data[at + 1 : at + 2] == b'\xff':  # any number of them may fill a gap
            at += 1
        elif at + 4 > len(data):
            return len(data)
        else:
            at += 2 + struct.unpack_from('>H', data, at + 2)[0]
    return at
