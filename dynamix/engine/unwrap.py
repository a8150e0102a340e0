from __future__ import annotations

from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner


def unwrap(runner: Runner) -> Any:
    """The model itself, out of its DDP wrapper."""
    model = runner.model
    return model.module if is_model_wrapper(model) else model
