"""Settings that a run may be resumed with, though it is no longer the run it was."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from mmengine.logging import print_log


def warn_of_changes(
    where: str, before: Mapping[str, Any], now: Mapping[str, Any]
) -> None:
    """Logs a warning if a run is resumed with other settings than it was begun with.

    Args:
        where (str): What the settings belong to.
        before (Mapping[str, Any]): Those in the checkpoint. What it lacks is not
            compared: the checkpoint is older than the setting.
        now (Mapping[str, Any]): Those of this config.
    """
    changes = [
        f'{where}.{key} was {before[key]} and is now {value}'
        for key, value in now.items()
        if before.get(key, value) != value
    ]
    if changes:
        print_log(
            f'Resumed with other settings: {"; ".join(changes)}. From here on the run '
            'may differ from one that was not interrupted.',
            logger='current',
            level=logging.WARNING,
        )
