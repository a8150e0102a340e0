from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def onnx_session(path: str | Path, threads: int, use_gpu: bool = False) -> Any:
    """Returns the session of ONNX Runtime that runs a file.

    Args:
        path (str | Path): ONNX file.
        threads (int): Threads on a CPU.
        use_gpu (bool): Whether to take the best device that ONNX Runtime has, not the
            CPU. Defaults to False.

    Raises:
        ImportError: If ONNX Runtime is missing.
        FileNotFoundError: If there is no such file.
        ValueError: If it is no ONNX model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            f'{path} needs ONNX Runtime: pip install -e ".[onnx]"'
        ) from error
    if not os.path.isfile(path):
        raise FileNotFoundError(f'there is no file {path}.')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    providers = ['CPUExecutionProvider']
    if use_gpu:
        providers = onnxruntime.get_available_providers()
    try:
        return onnxruntime.InferenceSession(str(path), options, providers)
    except Exception as error:  # ONNX Runtime's own types have no public base
        reason = str(error).splitlines()[0]
        raise ValueError(f'{path} is no model for ONNX Runtime: {reason}') from error
