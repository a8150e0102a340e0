from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from dynamix.models.heads import CentroidMemoryHead
from dynamix.models.heads.centroid_memory_head import DEFAULT_LOSSES
from dynamix.registry import MODELS
from dynamix.structures import IdentityTable

from .test_centroid_memory_head import draw, samples
from .two_ranks import CAMERA, DIM, IDENTITY

# The labelled images, then two videos of two tracklets each and one of one.
SCENE = np.array([0] * 8 + [1] * 3 + [1, 1] + [2, 2, 2])
NAMES = ('instance', 'augmentation')
BATCH = [0, 2, 4, 5, 8, 9, 11, 12, 13, 14, 15, -1]


def make_head(negatives: str, scene: np.ndarray | None, **memory) -> CentroidMemoryHead:
    losses = copy.deepcopy({name: DEFAULT_LOSSES[name] for name in NAMES})
    for loss in losses.values():
        loss['negatives'] = negatives
    memory = dict(momentum=0.3, dtype='float64', **memory)
    head = CentroidMemoryHead(DIM, memory=memory, losses=losses)
    head.bind(IdentityTable(IDENTITY, 8, 2), CAMERA, scene)
    return head


def test_a_batch_is_the_mean_of_its_scenes_alone() -> None:
    features, keys = draw(len(BATCH)), draw(len(BATCH), 1)
    whole = make_head('same_scene', SCENE).loss(features, keys, samples(BATCH))
    expected = dict.fromkeys(whole, 0.0)
    anchors = 0
    for scene in range(3):
        here = [
            place
            for place, i in enumerate(BATCH)
            if i >= 0 and IDENTITY[i] >= 0 and SCENE[i] == scene
        ]
        alone = make_head('all', None).loss(
            features[here], keys[here], samples([BATCH[place] for place in here])
        )
        anchors += len(here)
        for name, value in alone.items():
            expected[name] += value.item() * len(here)
    for name, value in whole.items():
        assert value.item() == pytest.approx(expected[name] / anchors), name


def test_one_scene_is_no_restriction() -> None:
    features, keys = draw(len(BATCH)), draw(len(BATCH), 1)
    expected = make_head('all', SCENE).loss(features, keys, samples(BATCH))
    for scene in (None, np.zeros(len(IDENTITY), int)):
        found = make_head('same_scene', scene).loss(features, keys, samples(BATCH))
        for name, value in found.items():
            torch.testing.assert_close(value, expected[name])


@pytest.mark.parametrize('name', ['Instance', 'Augmentation'])
def test_says_which_negatives_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}Loss.negatives must be .*'video'"):
        MODELS.build(dict(type=f'{name}Loss', negatives='video'))


def test_scenes_of_all_images_are_needed() -> None:
    with pytest.raises(ValueError, match='scene must have an entry for each'):
        make_head('same_scene', SCENE[:3])
