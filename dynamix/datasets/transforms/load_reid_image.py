from __future__ import annotations

import logging
from typing import Any

import mmcv
import numpy as np
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
    grey, and names the file in every error.

    Required keys: ``img_path``. Added keys: ``img`` (HWC uint8 BGR array),
    ``img_shape``, ``ori_shape``.

    Args:
        skip_unreadable (bool): Whether an image that cannot be read is replaced by a
            grey one, with a warning, instead of ending the run. Its ``image_index``
            is then -1, so that it takes part in no loss and can be counted; of an
            evaluation set it is in no split. Defaults to False.
        imdecode_backend (str): Of ``mmcv.imfrombytes``. Defaults to ``'cv2'``.
        backend_args (dict, optional): Of ``mmengine.fileio.get``, for files that are
            not on a local disk.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be decoded, or is cut off.
    """

    def __init__(
        self,
        skip_unreadable: bool = False,
        imdecode_backend: str = 'cv2',
        backend_args: dict[str, Any] | None = None,
    ) -> None:
        self.skip_unreadable = skip_unreadable
        self.imdecode_backend = imdecode_backend
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
        image = None
        try:
            image = mmcv.imfrombytes(data, backend=self.imdecode_backend)
        except Exception as error:
            raise ValueError(f'the image {path} cannot be decoded: {error}') from error
        if image is None:
            raise ValueError(
                f'the image {path} cannot be decoded: its {len(data)} bytes are no '
                f'image that {self.imdecode_backend} can read.'
            )
        return image

    def _replace(self, results: dict[str, Any]) -> None:
        results['img'] = np.full(GREY_SHAPE, GREY, np.uint8)
        results['image_index'] = -1
        if 'query_splits' in results:
            results.update(query_splits=(), gallery_splits=())

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(skip_unreadable={self.skip_unreadable}, '
            f'imdecode_backend={self.imdecode_backend!r}, '
            f'backend_args={self.backend_args})'
        )
