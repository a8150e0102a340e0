from __future__ import annotations

import os
from copy import copy, deepcopy

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from dynamix.apis import ReIDInferencer
from dynamix.registry import MODELS


def make_config(width: int = 16) -> Config:
    pipeline = [
        dict(type='LoadReIDImage'),
        dict(type='Resize', scale=(32, 64)),
        dict(type='PackReIDInputs'),
    ]
    return Config(
        dict(
            default_scope='dynamix',
            model=dict(
                type='DynaMix',
                data_preprocessor=dict(
                    type='ReIDDataPreprocessor',
                    mean=[120.0] * 3,
                    std=[60.0] * 3,
                    bgr_to_rgb=True,
                ),
                backbone=dict(
                    type='mmpretrain.ResNet',
                    depth=18,
                    stem_channels=8,
                    base_channels=width // 8,
                    init_cfg=dict(type='Pretrained', checkpoint='nowhere.pth'),
                ),
                neck=dict(
                    type='BNNeck',
                    in_channels=width,
                    pooling=dict(type='mmpretrain.GeneralizedMeanPooling', p=3.0),
                ),
                head=dict(type='SomethingOfTraining'),
            ),
            test_dataloader=dict(dataset=dict(pipeline=pipeline)),
        )
    )


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    model = MODELS.build({**make_config().model, 'head': None})
    # Sets the two encoders apart.
    for parameter in model.encoder.parameters():
        parameter.data += 1
    state = {**model.state_dict(), 'head.memory.centroids': torch.zeros(3, 16)}
    path = tmp_path_factory.mktemp('checkpoint') / 'epoch_1.pth'
    torch.save(dict(state_dict=state, meta=dict(epoch=1)), path)
    return path


@pytest.fixture(scope='module')
def inferencer(checkpoint):
    return ReIDInferencer(make_config(), checkpoint, device='cpu')


@pytest.fixture(scope='module')
def crops():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (80, 40, 3), np.uint8) for _ in range(7)]


def test_files_and_arrays_give_the_same(inferencer, crops, tmp_path):
    paths = [tmp_path / f'{i}.png' for i in range(len(crops))]
    for path, crop in zip(paths, crops):
        cv2.imwrite(str(path), crop)
    features = inferencer(crops, batch_size=3)
    assert features.shape == (7, 16)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(inferencer(paths), features, atol=1e-6)
    np.testing.assert_allclose(inferencer(str(paths[2])), features[2:3], atol=1e-6)
    np.testing.assert_allclose(inferencer(crops[2]), features[2:3], atol=1e-6)
    found = inferencer(path for path in paths)
    np.testing.assert_allclose(found, features, atol=1e-6)


def test_paths_may_begin_at_the_home_folder(
    inferencer, checkpoint, crops, tmp_path, monkeypatch
):
    monkeypatch.setenv('HOME', str(tmp_path))
    cv2.imwrite(str(tmp_path / '0.png'), crops[0])
    make_config().dump(tmp_path / 'config.py')
    (tmp_path / 'epoch_1.pth').symlink_to(checkpoint)
    found = ReIDInferencer('~/config.py', '~/epoch_1.pth', device='cpu')('~/0.png')
    np.testing.assert_allclose(found, inferencer(crops[:1]), atol=1e-6)


def test_workers_load_the_images(inferencer, crops, monkeypatch):
    features = inferencer(crops, batch_size=3)
    np.testing.assert_array_equal(inferencer(crops, 3, num_workers=2), features)
    found = inferencer.search(crops[:2], crops, topk=1, num_workers=1)
    assert found.rows.ravel().tolist() == [0, 1]
    here = os.getpid()

    def load(results):
        assert os.getpid() != here
        return dict(results, img=crops[0])

    monkeypatch.setattr(inferencer.pipeline.transforms[0], 'transform', load)
    found = inferencer(['somewhere.png'], num_workers=1)
    np.testing.assert_allclose(found, features[:1], atol=1e-6)


def test_an_unreadable_image_that_is_skipped_is_nan(inferencer, crops, tmp_path):
    skipping = copy(inferencer)
    skipping.pipeline = deepcopy(inferencer.pipeline)
    skipping.skip_unreadable()
    features = skipping([crops[0], tmp_path / 'nobody.jpg', crops[1]])
    assert np.isnan(features[1]).all()
    np.testing.assert_array_equal(features[[0, 2]], inferencer(crops[:2]))
    found = inferencer.search(crops[:1], features, topk=3)
    assert found.rows[0].tolist() == [0, 2, 1]
    assert found.scores[0, 2] == -np.inf


def test_is_the_momentum_encoder_on_prepared_pixels(inferencer, crops):
    resized = cv2.resize(crops[0], (32, 64))[..., ::-1].astype(np.float32)
    pixels = torch.from_numpy(((resized - 120) / 60).transpose(2, 0, 1)[None])
    with torch.no_grad():
        feature = inferencer.model.momentum_encoder(pixels)
    feature = torch.nn.functional.normalize(feature).numpy()
    np.testing.assert_allclose(inferencer(crops[0]), feature, atol=1e-6)


def test_fingerprint_is_that_of_the_momentum_encoder(inferencer, checkpoint, tmp_path):
    state = torch.load(checkpoint)['state_dict']

    def fingerprint(name: str) -> str:
        changed = {**state, name: state[name] + 1}
        torch.save(dict(state_dict=changed), tmp_path / 'changed.pth')
        changed = ReIDInferencer(make_config(), tmp_path / 'changed.pth', 'cpu')
        return changed.fingerprint

    name = 'neck.norm.weight'
    assert fingerprint(f'encoder.{name}') == inferencer.fingerprint
    assert fingerprint('head.memory.centroids') == inferencer.fingerprint
    assert fingerprint(f'momentum_encoder.module.{name}') != inferencer.fingerprint


def test_search_finds_the_nearest(inferencer, crops):
    gallery = inferencer(crops)
    found = inferencer.search(crops[3:5], gallery, topk=3)
    expected = gallery[3:5] @ gallery.T
    np.testing.assert_array_equal(
        found.rows, np.argsort(-expected, axis=1, kind='stable')[:, :3]
    )
    np.testing.assert_allclose(
        found.scores, -np.sort(-expected, axis=1)[:, :3], atol=1e-6
    )
    assert inferencer.search(gallery[:1], crops, topk=99).rows.shape == (1, 7)


def test_a_checkpoint_of_another_model_is_named(checkpoint, tmp_path):
    message = r"epoch_1\.pth' does not fit.* weights differ, the first is 'enc"
    with pytest.raises(ValueError, match=message):
        ReIDInferencer(make_config(width=32), checkpoint)
    (tmp_path / 'cut.pth').write_bytes(checkpoint.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r'cut\.pth is cut off'):
        ReIDInferencer(make_config(), tmp_path / 'cut.pth')
    state = torch.load(checkpoint)['state_dict']
    del state['momentum_encoder.module.neck.norm.bias']
    torch.save(dict(state_dict=state), tmp_path / 'part.pth')
    with pytest.raises(ValueError, match=r"neck\.norm\.bias': absent in the check"):
        ReIDInferencer(make_config(), tmp_path / 'part.pth')


def test_a_config_without_test_images(checkpoint):
    config = make_config()
    config.test_dataloader = None
    with pytest.raises(ValueError, match=r'test_dataloader\.dataset\.pipeline'):
        ReIDInferencer(config, checkpoint)


def test_bad_images_are_named(inferencer, crops, tmp_path):
    with pytest.raises(ValueError, match='no images'):
        inferencer([])
    for wrong, found in (
        (crops[1][..., 0], r'\[80, 40\] uint8'),
        (crops[1][:0], r'not empty, .* \[0, 40, 3\] uint8'),
        (crops[1].astype(float), r'\[80, 40, 3\] float64'),
    ):
        with pytest.raises(ValueError, match=f'image 1 must be .* {found}'):
            inferencer([crops[0], wrong])
    with pytest.raises(ValueError, match=r'image 0 .* path or an array, .* a Tensor'):
        inferencer([torch.from_numpy(crops[0])])
    with pytest.raises(FileNotFoundError, match=r'nobody\.jpg'):
        inferencer(tmp_path / 'nobody.jpg')


def test_a_model_that_diverged_is_not_an_unreadable_image(inferencer, crops):
    diverged = copy(inferencer)
    diverged.model = deepcopy(inferencer.model)
    for parameter in diverged.model.parameters():
        parameter.data.fill_(torch.nan)
    with pytest.raises(ValueError, match='embedding of image 0 is not finite'):
        diverged(crops)


def test_features_in_place_of_images(inferencer, crops):
    gallery = inferencer(crops)
    many = np.tile(gallery, (100, 1))
    found = inferencer.search(many, gallery, topk=1)
    np.testing.assert_array_equal(found.rows.ravel(), np.tile(np.arange(7), 100))
    assert inferencer.search(many[:0], gallery, topk=2).rows.shape == (0, 2)
    assert inferencer.search(many[:3], gallery[:0]).rows.shape == (3, 0)
    with pytest.raises(ValueError, match=r'have 16 numbers .* gallery .*5'):
        inferencer.search(crops[:1], np.ones((3, 5), np.float32))
