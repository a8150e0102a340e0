"""Relabeling, evaluation and inference with tensors of an accelerator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from dynamix.apis import ReIDInferencer
from dynamix.evaluation import ReIDMetric
from dynamix.relabeling import (
    DensityRule,
    FeatureBank,
    GlobalRule,
    relabel,
    relabel_by_density,
    relabel_globally,
)
from tests.test_evaluation.test_reid_metric import make_samples
from tests.test_relabeling.conftest import add_errors, make_videos
from tests.toy import draw as draw_person
from tests.toy import toy_cfg

from .simulated_device import NAME, simulated_device


@pytest.fixture
def device() -> Iterator[None]:
    with simulated_device():
        yield


def draw() -> SimpleNamespace:
    scene = make_videos(videos=20, people=6, seed=1)
    add_errors(scene, 0.1)
    return scene


def by_video(scene: SimpleNamespace, embedding: np.ndarray) -> Any:
    return relabel(embedding, scene.video, scene.tracklet, frame=scene.frame)


def across_videos(scene: SimpleNamespace, embedding: np.ndarray) -> Any:
    # each tracklet is a video of its own
    rule = GlobalRule(index='exact')
    return relabel_globally(embedding, scene.tracklet, scene.tracklet, rule=rule)


def by_density(scene: SimpleNamespace, embedding: np.ndarray) -> Any:
    where = 'cpu' if isinstance(embedding, np.ndarray) else NAME
    return relabel_by_density(
        embedding, scene.video, current=scene.tracklet, rule=DensityRule(device=where)
    )


@pytest.mark.parametrize('function', [by_video, across_videos, by_density])
def test_labels_by_a_bank_on_a_device(function: Callable, device: None) -> None:
    scene = draw()
    rows = np.arange(len(scene.video))
    labels = []
    for where in ('cpu', NAME):
        bank = FeatureBank(len(rows), 48, device=where)
        assert bank.device.type == where
        for part in np.array_split(rows, 7):
            sent = torch.from_numpy(scene.embedding[part]).to(where)
            bank.write(part, sent, 3)
        labels.append(function(scene, bank.embedding).identity)
    assert not np.array_equal(labels[0], scene.tracklet)
    np.testing.assert_array_equal(*labels)


@pytest.mark.parametrize(
    'options', [{}, dict(metric='euclidean'), dict(rerank=dict(k1=5, k2=2))]
)
def test_scores_on_a_device(options: dict, device: None) -> None:
    found = []
    for where in ('cpu', NAME):
        metric = ReIDMetric(device=where, **options)
        samples = make_samples()
        for sample in samples:
            sample.feature = sample.feature.to(where)
        metric.process(None, [sample.to_dict() for sample in samples])
        found.append(metric.evaluate(len(samples)))
    assert found[0] == pytest.approx(found[1])
    assert cast(float, found[0]['average/mAP']) > 0


def test_features_by_a_device(tmp_path: Path, device: None) -> None:
    images = [draw_person(person, 0) for person in range(5)]
    found = []
    for where in ('cpu', NAME):
        torch.manual_seed(0)
        inferencer = ReIDInferencer(toy_cfg(tmp_path, tmp_path, 'toy'), device=where)
        features = inferencer(images, batch_size=2)
        found.append((features, inferencer.search(images[:2], features, topk=3).rows))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-6)
    np.testing.assert_array_equal(found[0][1], found[1][1])
