from __future__ import annotations

import hashlib
from functools import partial

import cv2
import numpy as np
import pytest

from dynamix.apis import ReIDInferencer
from tests.onnx_means import write_means

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture(scope='module')
def crops():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (24, 12, 3), np.uint8) for _ in range(7)]


@pytest.fixture
def make_model(tmp_path):
    return partial(write_means, tmp_path / 'means.onnx')


def expected(crops):
    """Means of 2 x 2 pixels of normalised RGB images, of unit length."""
    rows = []
    for crop in crops:
        rgb = cv2.resize(crop, (6, 8))[..., ::-1] / 255
        means = ((rgb - MEAN) / STD).reshape(4, 2, 3, 2, 3).mean((1, 3))
        row = means.transpose(2, 0, 1).ravel()
        rows.append(row / np.linalg.norm(row))
    return np.array(rows)


@pytest.mark.parametrize('batch', ['batch', 1, 3])
def test_a_model_of_others_takes_imagenet_rgb(make_model, crops, logged, batch):
    path = make_model([batch, 3, 8, 6])
    inferencer = ReIDInferencer(path, device='cpu')
    assert any('assumed that it takes RGB normalised by Image' in s for s in logged)
    found = inferencer(crops, batch_size=4)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(crops), atol=1e-5)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert inferencer.fingerprint == digest[:16]
    search = inferencer.search(crops[4:5], crops, topk=1)
    assert search.rows.tolist() == [[4]]


def test_half_precision_input(make_model, crops):
    path = make_model([None, 3, 8, 6], onnx.TensorProto.FLOAT16)
    found = ReIDInferencer(str(path), device='cpu')(crops)
    np.testing.assert_allclose(found, expected(crops), atol=2e-3)


def test_files_that_cannot_be_used(make_model, tmp_path):
    with pytest.raises(
        ValueError, match=r"must be float \[N, 3, H, W\] with .* 'height', 6\]"
    ):
        ReIDInferencer(make_model([1, 3, 'height', 6]))
    with pytest.raises(ValueError, match=r'must be float \[N, 3, H, W\]'):
        ReIDInferencer(make_model([1, 8, 6, 3]))
    with pytest.raises(ValueError, match=r'but it is uint8 \[1, 3, 8, 6\]'):
        ReIDInferencer(make_model([1, 3, 8, 6], onnx.TensorProto.UINT8))
    with pytest.raises(FileNotFoundError, match=r'no file .*nothing\.onnx'):
        ReIDInferencer(tmp_path / 'nothing.onnx')
    (tmp_path / 'text.onnx').write_text('text')
    with pytest.raises(ValueError, match=r'text\.onnx is no model for ONNX Runtime'):
        ReIDInferencer(tmp_path / 'text.onnx')
    with pytest.raises(ValueError, match=r'model\.py needs a checkpoint'):
        ReIDInferencer('model.py')


def test_a_config_says_how_images_are_prepared(make_model, crops, tmp_path):
    config = tmp_path / 'config.py'
    text = "dict(type='LoadReIDImage'), dict(type='Resize', scale=(6, {})), "
    text = f"pipeline = [{text}dict(type='PackReIDInputs')]\n"
    text += 'test_dataloader = dict(dataset=dict(pipeline=pipeline))\n'
    config.write_text(text.format(8))
    path = make_model(['batch', 3, 8, 6])
    found = ReIDInferencer(config, path, device='cpu')(crops)
    np.testing.assert_allclose(found, expected(crops), atol=1e-5)
    config.write_text(text.format(9))
    message = 'takes images of 8 x 6 pixels, but the test pipeline makes 9 x 6'
    with pytest.raises(ValueError, match=message):
        ReIDInferencer(config, path, device='cpu')(crops)
