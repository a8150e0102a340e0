from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An ONNX file whose features are the mean colours of 2 x 2 pixels, of 8 x 4."""
    onnx = pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    real, helper = onnx.TensorProto.FLOAT, onnx.helper
    size = dict(kernel_shape=[2, 2], strides=[2, 2])
    graph = helper.make_graph(
        [helper.make_node('AveragePool', ['crops'], ['means'], **size)],
        'means',
        [helper.make_tensor_value_info('crops', real, ['batch', 3, 8, 4])],
        [helper.make_tensor_value_info('means', real, None)],
    )
    opset = helper.make_opsetid('', 17)
    onnx.save(
        helper.make_model(graph, opset_imports=[opset], ir_version=8),
        tmp_path / 'means.onnx',
    )
    return tmp_path / 'means.onnx'


@pytest.fixture
def tracks(tmp_path: Path) -> Path:
    """Two videos of three tracklets of four crops; a number is a person's colours."""
    root = tmp_path / 'tracks'
    for video, people in (('door', (1, 2, 3)), ('cam2', (2, 3, 4))):
        for tracklet, person in enumerate(people):
            folder = root / video / f'{tracklet:04d}'
            folder.mkdir(parents=True)
            colours = np.random.default_rng(person).integers(0, 256, (8, 4, 3))
            for frame in range(4):
                seed = (person, frame, ord(video[0]))
                noise = np.random.default_rng(seed).normal(0, 40, (8, 4, 3))
                crop = np.clip(colours + noise, 0, 255).astype(np.uint8)
                number = 100 * tracklet + 10 * frame
                cv2.imwrite(str(folder / f'{number:06d}.png'), crop)
    return root
