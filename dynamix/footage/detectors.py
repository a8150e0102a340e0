from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .yolox_detector import YOLOXDetector

# From a BGR image to the people in it: ``[n, 4]`` left, top, right, bottom in pixels,
# and ``[n]`` scores from 0 to 1.
Detector = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


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
        from .torchvision_detector import TorchvisionDetector

        return TorchvisionDetector(file, model, threads)
    if file.suffix.lower() != '.onnx':
        raise ValueError(
            f'{file} is no .onnx file; of a state dict, the model must be named '
            '(--detector-model)'
        )
    return YOLOXDetector(file, threads)
