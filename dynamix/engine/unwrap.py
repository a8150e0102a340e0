from __future__ import annotations

from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner


def unwrap(runner: Runner) -> Any:
    """The model itself, out of its DDP wrapper."""
    model = runner.model
    return model.module if is_model_wrapper(model) else model


def check_head(runner: Runner, owner: str, *needs: str) -> None:
    """Looks whether the model has the head that a hook works with.

    Args:
        runner (Runner): About to train.
        owner (str): The hook, for the error.
        *needs (str): Methods and properties of the head.

    Raises:
        TypeError: If the model has no head, or it lacks one of these.
    """
    model = unwrap(runner)
    head = type(getattr(model, 'head', None))
    missing = [name for name in needs if not hasattr(head, name)]
    if missing:
        raise TypeError(
            f'{owner} works with a head that has {", ".join(needs)}, as '
            f'CentroidMemoryHead does, but {type(model).__name__}.head is a '
            f'{head.__name__} without {", ".join(missing)}: take the hook out of the '
            'config, or give the model such a head.'
        )
