from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

STRIDES = (8, 16, 32)
PERSON = 0  # among the classes of COCO
LEAST_SCORE = 0.1
NMS_IOU = 0.45
_PADDING = 114


class YOLOXDetector:
    """People in an image by a YOLOX-style ONNX file, run by ONNX Runtime.

    The model takes ``[1, 3, H, W]`` float32, BGR from 0 to 255, scaled to fit into the
    upper left corner and padded with 114. It gives raw outputs ``[1, A, 5 + classes]``
    for the cells of grids of strides 8, 16 and 32: centre relative to the cell in
    strides, logarithm of the size in strides, objectness and class scores from 0 to 1;
    class 0 is the person. Source: YOLOX, https://arxiv.org/abs/2107.08430.

    Args:
        file (Path): ONNX file.
        threads (int): Threads on a CPU. Defaults to 1.

    Raises:
        ValueError: If the file is no such model.
        ImportError: If ONNX Runtime is missing.
    """

    def __init__(self, file: Path, threads: int = 1) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(
                f'{file}: ONNX files are run by ONNX Runtime, which is missing: '
                'pip install -e ".[onnx]"'
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self.session = onnxruntime.InferenceSession(
                str(file), options, providers=['CPUExecutionProvider']
            )
        except Exception as error:  # its errors have no common base
            reason = str(error).splitlines()[0]
            raise ValueError(f'{file} cannot be read as a model: {reason}') from error
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        shapes = [value.shape for value in (*inputs, *outputs)]
        try:
            (_, _, height, width), (_, cells, numbers) = shapes
            self.size = (height, width)
            self.grid = make_grid(height, width)
            fits = cells in (len(self.grid), None) or isinstance(cells, str)
            fits = fits and (not isinstance(numbers, int) or numbers > 5)
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise ValueError(
                f'{file} is no YOLOX-style detector: its inputs and outputs have the '
                f'shapes {shapes}, expected [1, 3, H, W] with numbers H and W, and '
                '[1, cells, 5 + classes] for strides 8, 16 and 32'
            )
        self.input_name = inputs[0].name

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns boxes ``[n, 4]`` (left, top, right, bottom) and scores ``[n]``.

        Args:
            image (np.ndarray): ``[H, W, 3]`` uint8 BGR.
        """
        height, width = image.shape[:2]
        scale = min(self.size[0] / height, self.size[1] / width)
        scaled = cv2.resize(image, (round(width * scale), round(height * scale)))
        padded = np.full((*self.size, 3), _PADDING, np.float32)
        padded[: scaled.shape[0], : scaled.shape[1]] = scaled
        (raw,) = self.session.run(
            None, {self.input_name: padded.transpose(2, 0, 1)[None]}
        )
        boxes, scores = decode(raw[0], self.grid)
        kept = suppress(boxes, scores)
        return boxes[kept] / scale, scores[kept]


def make_grid(height: int, width: int) -> np.ndarray:
    """``[A, 3]`` float32: column, row and stride of each cell of the three grids."""
    grids = []
    for stride in STRIDES:
        row, column = np.indices((height // stride, width // stride)).reshape(2, -1)
        grids.append(np.stack([column, row, np.full_like(row, stride)], axis=1))
    return np.concatenate(grids).astype(np.float32)


def decode(raw: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and scores of people from the raw outputs of a YOLOX.

    Args:
        raw (np.ndarray): ``[A, 5 + classes]``.
        grid (np.ndarray): ``[A, 3]`` of :func:`make_grid`.

    Returns:
        tuple[np.ndarray, np.ndarray]: ``[n, 4]`` left, top, right, bottom in pixels
        of the model's input, and ``[n]`` scores of at least 0.1.
    """
    score = raw[:, 4] * raw[:, 5 + PERSON]
    likely = np.flatnonzero(score >= LEAST_SCORE)
    raw, cell, stride = raw[likely], grid[likely, :2], grid[likely, 2:]
    centre = (raw[:, :2] + cell) * stride
    half = np.exp(raw[:, 2:4]) * stride / 2
    return np.concatenate([centre - half, centre + half], axis=1), score[likely]


def suppress(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Positions of the boxes that non-maximum suppression keeps, best first."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    kept = cv2.dnn.NMSBoxes(
        np.concatenate([boxes[:, :2], sizes], axis=1).tolist(),
        scores.tolist(),
        LEAST_SCORE,
        NMS_IOU,
    )
    return np.asarray(kept, int).reshape(-1)
