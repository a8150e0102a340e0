"""Drawn videos of two people who walk, and a detector that gives known boxes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HEIGHT, WIDTH = 96, 160
# of the people: width and height, top, first left side, steps to the right, BGR
SIZE = (20, 48)
PEOPLE = ((8, 4, 2, (250, 60, 60)), (44, 130, -2, (60, 60, 250)))


def left_of(person: int, frame: int) -> int:
    """Where the person is in a frame."""
    _, first, step, _ = PEOPLE[person]
    return first + step * frame


def draw(frame: int) -> np.ndarray:
    """``[96, 160, 3]`` uint8: grey with the two people."""
    image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    width, height = SIZE
    for person, (top, _, _, colour) in enumerate(PEOPLE):
        left = max(left_of(person, frame), 0)
        image[top : top + height, left : left_of(person, frame) + width] = colour
    return image


def detect(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes around what has the colours of the people, for :mod:`dynamix.footage`."""
    boxes = []
    for *_, colour in PEOPLE:
        near = (np.abs(image.astype(int) - colour) < 40).all(axis=2)
        y, x = np.nonzero(near)
        if len(x):
            boxes.append([x.min(), y.min(), x.max() + 1, y.max() + 1])
    return np.array(boxes, float).reshape(-1, 4), np.full(len(boxes), 0.9)


def write_video(
    path: Path,
    images: Sequence[np.ndarray],
    times: Sequence[int] | None = None,
    rotation: int = 0,
    codec: str = 'ffv1',
) -> Path:
    """Writes a video of ten frames a second, or of frames at the given milliseconds."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=10)
        height, width = images[0].shape[:2]
        stream.width, stream.height = width, height
        stream.pix_fmt = 'bgr0' if codec == 'ffv1' else 'yuv420p'
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, 'bgr24')
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_detector(path: Path, rows: Sequence[tuple[int, Sequence[float]]]) -> Path:
    """Writes an ONNX file of 64 x 64 pixels with the same raw outputs for any image.

    Rows are cells among the 84 and their raw values: x, y, log width, log height,
    objectness and score of the person. All others are zero.
    """
    raw = np.zeros((1, 84, 6), np.float32)
    for cell, values in rows:
        raw[0, cell] = values
    node = helper.make_node(
        'Constant', [], ['output'], value=numpy_helper.from_array(raw)
    )
    image = helper.make_tensor_value_info('images', TensorProto.FLOAT, [1, 3, 64, 64])
    output = helper.make_tensor_value_info('output', TensorProto.FLOAT, [1, 84, 6])
    graph = helper.make_graph([node], 'detector', [image], [output])
    opset = [helper.make_opsetid('', 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(path))
    return path
