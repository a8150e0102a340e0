from __future__ import annotations

from typing import Any

import numpy as np

from dynamix.datasets.transforms import ImageViews

IMAGE = np.random.default_rng(0).integers(0, 200, (4, 2, 3), dtype=np.uint8)


def brighter(results: dict[str, Any]) -> dict[str, Any]:
    results['img'] += 1
    results['changed'] = True
    return results


def test_views_do_not_touch_each_other() -> None:
    given = IMAGE.copy()
    views = ImageViews([[brighter, brighter], [], [brighter]])
    results = views(dict(img=given, image_index=3))
    assert results.keys() == {'img', 'image_index'}
    for view, steps in zip(results['img'], (2, 0, 1)):
        assert (view == IMAGE + steps).all()
    assert (given == IMAGE).all()
    assert not np.shares_memory(results['img'][1], given)
