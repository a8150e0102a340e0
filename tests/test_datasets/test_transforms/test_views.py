"""MMPretrain's ``MultiView`` as our pipelines use it."""

from __future__ import annotations

from unittest import mock

import numpy as np
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from dynamix.datasets.transforms import LoadReIDImage


def test_decodes_once_and_views_share_no_pixels(make_images) -> None:
    root = make_images(['a.png'])
    views: list[np.ndarray] = []

    def scribble(results: dict) -> dict:
        views.append(results['img'])
        results['img'][...] = len(views)
        return results

    with DefaultScope.overwrite_default_scope('dynamix'):
        pipeline = Compose(
            [
                dict(type='LoadReIDImage'),
                dict(
                    type='mmpretrain.MultiView',
                    num_views=[1, 1],
                    transforms=[[scribble], []],
                ),
            ]
        )
    info = dict(img_path=str(root / 'a.png'), image_index=0)
    plain = LoadReIDImage()(dict(info))['img']
    with mock.patch.object(LoadReIDImage, '_read', autospec=True) as read:
        read.return_value = plain.copy()
        results = pipeline(dict(info))
    assert read.call_count == 1
    augmented, untouched = results['img']
    assert (augmented == 1).all()
    assert (untouched == plain).all()
