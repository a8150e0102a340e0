from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
import torch
from torchvision.models import get_model

from dynamix.footage import load_detector

from .drawn import write_detector

SSD = 'ssdlite320_mobilenet_v3_large'


def test_yolox(tmp_path):
    """Boxes by hand, of each grid, in an image of twice the model's width."""
    log = math.log
    rows = [
        # of 8 x 8 cells of 8 pixels: column 3, row 2, centre (30, 18), 8 x 24
        (2 * 8 + 3, (0.75, 0.25, log(1), log(3), 0.9, 1.0)),
        # nearly the same
        (2 * 8 + 4, (-0.25, 0.25, log(1), log(2.8), 0.9, 0.9)),
        # of 4 x 4 cells of 16 pixels: column 0, row 3, centre (8, 56), 16 x 16
        (64 + 3 * 4, (0.5, 0.5, 0.0, 0.0, 0.5, 0.8)),
        # of 2 x 2 cells of 32 pixels: unlikely
        (80, (0.5, 0.5, 0.0, 0.0, 0.3, 0.3)),
    ]
    detect = load_detector(write_detector(tmp_path / 'a.onnx', rows))
    boxes, scores = detect(np.zeros((100, 128, 3), np.uint8))
    expected = [[52, 12, 68, 60], [0, 96, 32, 128]]
    np.testing.assert_allclose(boxes, expected, rtol=1e-5)
    np.testing.assert_allclose(scores, [0.9, 0.4], rtol=1e-5)
    nothing = write_detector(tmp_path / 'b.onnx', [])
    boxes, scores = load_detector(nothing)(np.zeros((64, 64, 3), np.uint8))
    assert (boxes.shape, scores.shape) == ((0, 4), (0,))


def test_yolox_sees_the_image_padded(tmp_path):
    detect = load_detector(write_detector(tmp_path / 'a.onnx', []))
    seen = []

    class Session:
        def run(self, _, inputs):
            seen.append(*inputs.values())
            return [np.zeros((1, 84, 6), np.float32)]

    detect.session = Session()
    image = np.zeros((40, 80, 3), np.uint8)
    image[..., 0] = 200
    detect(image)
    (blob,) = seen
    assert (blob.shape, blob.dtype) == ((1, 3, 64, 64), np.float32)
    assert (blob[0, 0, :32] == 200).all()
    assert (blob[0, 1:, :32] == 0).all()
    assert (blob[0, :, 32:] == 114).all()


def test_torchvision(tmp_path):
    torch.manual_seed(0)
    model = get_model(SSD, weights=None, weights_backbone=None)
    torch.save(model.state_dict(), tmp_path / 'a.pth')
    detect = load_detector(tmp_path / 'a.pth', SSD, threads=torch.get_num_threads())
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    seen = []

    def found(images):
        seen.extend(images)
        return [
            dict(
                boxes=torch.arange(12.0).view(3, 4),
                labels=torch.tensor([1, 3, 1]),
                scores=torch.tensor([0.9, 0.8, 0.2]),
            )
        ]

    weights = detect.model.state_dict()
    assert all((weights[k].cpu() == v).all() for k, v in model.state_dict().items())
    detect.model = found
    boxes, scores = detect(image)
    assert boxes.tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    np.testing.assert_allclose(scores, [0.9, 0.2], rtol=1e-6)
    rgb = image[:, :, ::-1].transpose(2, 0, 1) / 255
    np.testing.assert_allclose(seen[0].cpu(), rgb, atol=1e-6)


def test_wrong_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no detector file .*nothing\.onnx'):
        load_detector(tmp_path / 'nothing.onnx')
    (tmp_path / 'a.onnx').write_bytes(b'no model')
    with pytest.raises(ValueError, match=r'a\.onnx is no model for ONNX Runtime: '):
        load_detector(tmp_path / 'a.onnx')
    torch.save({}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r'a\.pth is no \.onnx file'):
        load_detector(tmp_path / 'a.pth')
    with pytest.raises(ValueError, match="no detector 'yolo' but fasterrcnn_"):
        load_detector(tmp_path / 'a.pth', 'yolo')
    with pytest.raises(ValueError, match=rf'a\.pth is no state dict of {SSD}: .*ssing'):
        load_detector(tmp_path / 'a.pth', SSD)
    model = onnx.load(write_detector(tmp_path / 'b.onnx', []))
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 32
    onnx.save(model, tmp_path / 'b.onnx')
    with pytest.raises(ValueError, match=r'\[1, 3, 32, 64\].*expected \[1, 3, H, W\]'):
        load_detector(tmp_path / 'b.onnx')
