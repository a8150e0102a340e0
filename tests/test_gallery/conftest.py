from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.onnx_means import write_means

DIM = 16
MODEL = 'a1b2c3d4e5f60718'


def unit(rows: int, seed: int = 0) -> np.ndarray:
    """Random features of unit length, ``[rows, 16]`` float32."""
    features = np.random.default_rng(seed).standard_normal((rows, DIM))
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype('f4')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a gallery, which is not there yet."""
    return tmp_path / 'hall'


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An ONNX file whose features are the mean colours of 2 x 2 pixels, of 8 x 4."""
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    return write_means(tmp_path / 'means.onnx', ['batch', 3, 8, 4])


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
