"""Detectors of people, from files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from dynamix.onnx_session import onnx_session

# From a BGR image, ``[H, W, 3]`` uint8, to the people in it: ``[n, 4]`` left, top,
# right, bottom in pixels, and ``[n]`` scores from 0 to 1.
Detector = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

YOLOX_PERSON, TORCHVISION_PERSON = 0, 1  # among their classes of COCO
STRIDES = (8, 16, 32)
PADDING = 114
LEAST_SCORE = 0.1
NMS_IOU = 0.45


def load_detector(
    file: str | Path, model: str | None = None, threads: int = 1
) -> Detector:
    """Loads a detector of people from a file.

    Args:
        file (str | Path): A YOLOX-style ``.onnx`` file, or the state dict of a
            detector of torchvision.
        model (str, optional): Name of the torchvision detector, such as
            ``'fasterrcnn_mobilenet_v3_large_320_fpn'``. Defaults to None: the file is
            an ONNX file.
        threads (int): Threads it may use on a CPU. Defaults to 1.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is none of these, or does not fit ``model``.
        ImportError: If ONNX Runtime is missing.
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f'there is no detector file {file}')
    if model is not None:
        return TorchvisionDetector(file, model, threads)
    if file.suffix.lower() != '.onnx':
        raise ValueError(
            f'{file} is no .onnx file; of a state dict, the model must be named '
            '(--detector-model)'
        )
    return YOLOXDetector(file, threads)


class TorchvisionDetector:
    """A detector of torchvision, see :func:`load_detector`.

    Runs on the current GPU if there is one. The state dict is of torchvision's 91
    classes of COCO.
    """

    def __init__(self, file: Path, model: str, threads: int) -> None:
        import torch
        from torchvision.models import detection, get_model, list_models

        known = list_models(module=detection)
        if model not in known:
            raise ValueError(
                f"torchvision has no detector '{model}' but {', '.join(known)}"
            )
        torch.set_num_threads(threads)
        self.device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.model = get_model(model, weights=None, weights_backbone=None)
        try:
            weights = torch.load(file, map_location='cpu', weights_only=True)
            self.model.load_state_dict(weights)
        except Exception as error:  # torch.load raises whatever unpickling does
            reason = ' '.join(str(error).split())[:200]
            raise ValueError(f'{file} is no state dict of {model}: {reason}') from error
        self.model.eval().to(self.device)

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        import torch

        rgb = torch.from_numpy(image[..., ::-1].copy()).to(self.device)
        with torch.inference_mode():
            (found,) = self.model([rgb.permute(2, 0, 1) / 255])
        people = found['labels'] == TORCHVISION_PERSON
        boxes, scores = found['boxes'][people], found['scores'][people]
        return boxes.cpu().numpy(), scores.cpu().numpy()


class YOLOXDetector:
    """A YOLOX-style ONNX file, see :func:`load_detector`.

    The model takes ``[1, 3, H, W]`` float32, BGR from 0 to 255, scaled to fit into the
    upper left corner and padded with 114. It gives raw outputs ``[1, A, 5 + classes]``
    for the cells of grids of strides 8, 16 and 32: centre relative to the cell in
    strides, logarithm of the size in strides, objectness and class scores from 0 to 1;
    class 0 is the person. Source: YOLOX, https://arxiv.org/abs/2107.08430.
    """

    def __init__(self, file: Path, threads: int) -> None:
        self.session = onnx_session(file, threads)
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        shapes = [value.shape for value in (*inputs, *outputs)]
        try:
            (_, _, height, width), (_, cells, numbers) = shapes
            self.size = (height, width)
            self.grid = _make_grid(height, width)
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
        height, width = image.shape[:2]
        scale = min(self.size[0] / height, self.size[1] / width)
        scaled = cv2.resize(image, (round(width * scale), round(height * scale)))
        padded = np.full((*self.size, 3), PADDING, np.float32)
        padded[: scaled.shape[0], : scaled.shape[1]] = scaled
        blob = padded.transpose(2, 0, 1)[None]
        (raw,) = self.session.run(None, {self.input_name: blob})
        scores = raw[0, :, 4] * raw[0, :, 5 + YOLOX_PERSON]
        likely = scores >= LEAST_SCORE
        raw, scores, stride = raw[0, likely], scores[likely], self.grid[likely, 2:]
        sizes = np.exp(raw[:, 2:4]) * stride
        corners = (raw[:, :2] + self.grid[likely, :2]) * stride - sizes / 2
        rectangles = np.concatenate([corners, sizes], axis=1).tolist()
        best = cv2.dnn.NMSBoxes(rectangles, scores.tolist(), LEAST_SCORE, NMS_IOU)
        kept = np.asarray(best, int).reshape(-1)  # a tuple if there is none
        boxes = np.concatenate([corners, corners + sizes], axis=1)
        return boxes[kept] / scale, scores[kept]


def _make_grid(height: int, width: int) -> np.ndarray:
    """``[A, 3]`` float32: column, row and stride of each cell of the three grids."""
    grids = []
    for stride in STRIDES:
        row, column = np.indices((height // stride, width // stride)).reshape(2, -1)
        grids.append(np.stack([column, row, np.full_like(row, stride)], axis=1))
    return np.concatenate(grids).astype(np.float32)
