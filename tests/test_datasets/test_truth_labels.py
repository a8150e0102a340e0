"""True identities in place of the tracker's labels."""

from __future__ import annotations

import numpy as np
import pytest

from dynamix.datasets import MixedDataset

from .test_mixed_dataset import Drawn

PEOPLE = Drawn('multi_camera', [(0, 0, -1, -1), (1, 0, -1, -1)], 'people')
# (tracklet, camera, video, frame): person 9 is in two videos, the last is nobody.
ROWS = [(0, 0, 0, 0), (1, 0, 0, 1), (2, 0, 0, 2), (3, 0, 1, 0), (3, 0, 1, 1)]
TRUTH = np.array([9, 9, 4, 9, -1], np.int32)


@pytest.mark.parametrize(
    ('labels', 'expected'),
    [
        ('tracker', [2, 3, 4, 5, 5]),
        ('truth', [3, 3, 2, 3, -1]),
        ('truth_in_video', [3, 3, 2, 4, -1]),
    ],
)
def test_labels_of_single_camera_images(labels, expected):
    videos = Drawn('single_camera', ROWS, 'videos', TRUTH)
    mixed = MixedDataset([PEOPLE], [videos], labels=labels)
    mixed.full_init()
    table = mixed.identity_table
    assert table.identity.tolist() == [0, 1, *expected]
    assert table.original.tolist() == [0, 1, *expected]
    assert mixed.sources[1].identities == slice(2, table.num_identities)


def test_truth_that_is_not_known():
    videos = Drawn('single_camera', ROWS, 'videos')
    mixed = MixedDataset([PEOPLE], [videos], labels='truth')
    with pytest.raises(ValueError, match="'videos' does not know the truth"):
        mixed.full_init()
    with pytest.raises(ValueError, match=r"must be one of .* but got 'best'"):
        MixedDataset([PEOPLE], labels='best')
