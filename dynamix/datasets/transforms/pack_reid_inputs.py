from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform

from dynamix.registry import TRANSFORMS
from dynamix.structures import ReIDDataSample

META_KEYS = (
    'image_index',
    'img_path',
    'target',
    'identity',
    'camera',
    'query_splits',
    'gallery_splits',
)


@TRANSFORMS.register_module()
class PackReIDInputs(BaseTransform):
    """The last transform: pixels become tensors, the rest a :class:`ReIDDataSample`.

    Required keys: ``img`` (HWC uint8 array, or a list of them: the views of
    ``MultiView``) and ``image_index``. Ours.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Packs.

        Returns:
            dict: ``inputs``: a ``[3, H, W]`` uint8 tensor or a list of them, in the
            channel order of the image; ``data_samples``: a
            :class:`ReIDDataSample` without labels in training.
        """
        image = results['img']
        if isinstance(image, list):
            inputs: Any = [to_tensor(view) for view in image]
        else:
            inputs = to_tensor(image)
        meta = {key: results[key] for key in META_KEYS if key in results}
        return dict(inputs=inputs, data_samples=ReIDDataSample(metainfo=meta))


def to_tensor(image: np.ndarray) -> torch.Tensor:
    """A contiguous ``[C, H, W]`` tensor of an ``[H, W, C]`` image.

    ``cv2.split`` into the planes of the result is faster than transposing.
    """
    planes = np.empty((image.shape[2], *image.shape[:2]), image.dtype)
    cv2.split(image, [*planes])
    return torch.from_numpy(planes)
