from __future__ import annotations

import io
import logging
from typing import Any

import cv2
import numpy as np
import PIL.Image
from mmcv.transforms import BaseTransform
from mmengine import fileio
from mmengine.logging import print_log

from dynamix.registry import TRANSFORMS

from .truncation import truncation

GREY = 128
GREY_SHAPE = (256, 128, 3)


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
        backend_args (dict, optional): Of ``mmengine.fileio.get``, for files that are
            not on a local disk.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be decoded, or is cut off.
    """

    def __init__(
        self,
        skip_unreadable: bool = False,
        backend_args: dict[str, Any] | None = None,
    ) -> None:
        self.skip_unreadable = skip_unreadable
        self.backend_args = backend_args

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Adds the image.

        Args:
            results (dict): From the data set.
        """
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
            data = fileio.get(path, backend_args=self.backend_args)
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
    """Decodes an image with OpenCV, or with Pillow where OpenCV cannot.

    Args:
        data (bytes): Content of an image file.

    Returns:
        np.ndarray: ``[H, W, 3]`` uint8 BGR.

    Raises:
        Exception: If neither can; that of Pillow.
    """
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        with PIL.Image.open(io.BytesIO(data)) as opened:
            deep = opened.mode[0] in 'IF'  # 16 or 32 bits a pixel
            image = np.asarray(opened if deep else opened.convert('RGB'))
        image = np.stack([image] * 3, -1) if image.ndim == 2 else image[..., ::-1]
    return np.ascontiguousarray(to_8_bit(image))


def to_8_bit(image: np.ndarray) -> np.ndarray:
    """Scales an image of more than 8 bits a channel to 8 bits.

    Unsigned integers are scaled by the depth of a camera, 10, 12, 14 or 16 bits: the
    smallest that holds all values. Where values fill less than a quarter of that, as
    in thermal images, and for all other types, the lowest value becomes 0 and the
    highest 255. Ours.

    Args:
        image (np.ndarray): Of any number type and shape.

    Returns:
        np.ndarray: The same shape, uint8; an 8-bit image itself.
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
