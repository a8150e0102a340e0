from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from dynamix.apis import ReIDInferencer
from dynamix.export import OnnxMetadata, export_onnx
from dynamix.models.backbones import osnet
from dynamix.registry import MODELS

for package in ('onnx', 'onnxruntime', 'onnxscript'):
    pytest.importorskip(package)

SIZE = (64, 32)
GEM = dict(type='mmpretrain.GeneralizedMeanPooling', p=3.0)
LINEAR = dict(type='mmpretrain.LinearNeck', out_channels=16, gap_dim=2)
ONE = dict(num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,))
RESNET = dict(depth=18, stem_channels=8, base_channels=16, **ONE)
VIT = dict(
    arch=dict(embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=16),
    img_size=SIZE,
)
SWIN = dict(
    arch=dict(embed_dims=8, depths=[2, 1], num_heads=[1, 2]),
    img_size=SIZE,
    out_indices=(1,),
    window_size=3,
    pad_small_map=True,
)
BACKBONES = dict(
    resnet=(dict(type='mmpretrain.ResNet', **RESNET), 16, GEM),
    ibn=(dict(type='ResNetIBN', **RESNET), 16, GEM),
    osnet=(dict(type='OSNet', widen_factor=0.25, variant='ain'), 128, LINEAR),
    vit=(dict(type='mmpretrain.VisionTransformer', patch_size=16, **VIT), 16, None),
    ics=(dict(type='VisionTransformerICS', patch_size=16, **VIT), 16, None),
    swin=(dict(type='mmpretrain.SwinTransformer', **SWIN), 16, GEM),
)


def make_config(name: str) -> Config:
    backbone, channels, neck = BACKBONES[name]
    if neck is not LINEAR:
        neck = dict(type='BNNeck', pooling=neck)
    pipeline = [
        dict(type='LoadReIDImage'),
        dict(type='Resize', scale=SIZE[::-1]),
        dict(type='PackReIDInputs'),
    ]
    return Config(
        dict(
            default_scope='dynamix',
            model=dict(
                type='DynaMix',
                channels_last=True,
                data_preprocessor=dict(
                    type='ReIDDataPreprocessor',
                    mean=[123.675, 116.28, 103.53],
                    std=[58.395, 57.12, 57.375],
                    bgr_to_rgb=True,
                ),
                backbone=backbone,
                neck=dict(neck, in_channels=channels),
            ),
            test_dataloader=dict(dataset=dict(pipeline=pipeline)),
        )
    )


def make_inferencer(name: str, folder) -> ReIDInferencer:
    torch.manual_seed(0)
    config = make_config(name)
    model = MODELS.build(config.model)
    for weight in model.momentum_encoder.parameters():
        weight.data += 0.1 * torch.randn_like(weight)
    torch.save(model.state_dict(), folder / f'{name}.pth')
    return ReIDInferencer(config, folder / f'{name}.pth', device='cpu')


@pytest.fixture(scope='module')
def crops():
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 256, (5, 3, 3), np.uint8) for _ in range(5)]
    return [cv2.resize(crop, (40, 80)) for crop in crops]


@pytest.fixture(scope='module')
def resnet(tmp_path_factory):
    return make_inferencer('resnet', tmp_path_factory.mktemp('resnet'))


@pytest.mark.parametrize('name', BACKBONES)
def test_every_backbone_embeds_as_pytorch_does(name, tmp_path, crops, monkeypatch):
    monkeypatch.setattr(osnet, 'NUM_STREAMS', 2)  # of four, which take twice as long
    inferencer = make_inferencer(name, tmp_path)
    expected = inferencer(crops)
    assert np.abs(expected - expected[:1]).max() > 1e-2, 'it looks at its input'
    path = tmp_path / 'model.onnx'
    metadata = export_onnx(inferencer.model, path, SIZE, name)
    found = ReIDInferencer(path, device='cpu')
    assert found.model.metadata == metadata
    assert metadata == OnnxMetadata(
        model_name=name,
        input_size=SIZE,
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
        color_order='RGB',
        fingerprint=inferencer.fingerprint,
    )
    assert found.fingerprint == inferencer.fingerprint
    # another number of images than the graph was traced with
    np.testing.assert_allclose(found(crops), expected, atol=1e-5)
    np.testing.assert_allclose(found(crops[:1]), expected[:1], atol=1e-5)
    assert b'dynamix/models' not in path.read_bytes(), 'no paths of this machine'


def test_raw_input_and_half_precision(tmp_path, crops):
    """The masks of a Swin transformer are float16, its GeM neck is float32."""
    onnxruntime = pytest.importorskip('onnxruntime')
    swin = make_inferencer('swin', tmp_path)
    path = tmp_path / 'model.onnx'
    export_onnx(swin.model, path, SIZE, 's', 2, half=True, raw_input=True)
    session = onnxruntime.InferenceSession(path)
    assert session.get_inputs()[0].shape == [2, *SIZE, 3]
    assert session.get_outputs()[0].shape == [2, 16]
    assert session.get_outputs()[0].type == 'tensor(float)'
    images = np.stack([cv2.resize(crop, SIZE[::-1]) for crop in crops[:2]])
    found = session.run(['embeddings'], dict(images=images))[0]
    expected = swin(crops)
    np.testing.assert_allclose(found, expected[:2], atol=5e-3)
    assert np.abs(found - expected[:2]).max() > 1e-6, 'it is float16'
    # 5 images are two whole batches and a part of one
    found = ReIDInferencer(path, device='cpu')(crops)
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_opencv_runs_it(resnet, tmp_path, crops):
    path = tmp_path / 'model.onnx'
    export_onnx(resnet.model, path, SIZE, 'r', batch_size=1)
    net = cv2.dnn.readNetFromONNX(str(path))
    mean, std = resnet.model.data_preprocessor.mean, resnet.model.data_preprocessor.std
    image = cv2.resize(crops[0], SIZE[::-1])[..., ::-1].transpose(2, 0, 1)
    net.setInput(((image - mean.numpy()) / std.numpy())[None].astype(np.float32))
    np.testing.assert_allclose(net.forward(), resnet(crops[:1]), atol=1e-4)


def test_what_cannot_be_exported_is_named(resnet, tmp_path):
    path = tmp_path / 'model.onnx'
    with pytest.raises(ValueError, match=r'no export of r to opset 7, but to'):
        export_onnx(resnet.model, path, SIZE, 'r', opset=7)
    with pytest.raises(ValueError, match=r'a DynaMix .* but the model is a Linear'):
        export_onnx(torch.nn.Linear(2, 3), path, SIZE, 'r')
    assert not path.exists()
