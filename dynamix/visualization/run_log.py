"""What the folder of a run tells about it, besides its scalars."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from .curves import find_logs

# As MixedDataset, MixedDataSampler and ReIDMetric log them.
_LINE = r'^.* - mmengine - \w+ - '
_SOURCE = re.compile(
    _LINE
    + r'(\w+)_camera source (.+): (\d+) images, (\d+) identities, (\d+) cameras\.$',
    re.MULTILINE,
)
_BATCH = re.compile(
    _LINE + r'(A global batch: .+ (\d+) batches an epoch.*)$', re.MULTILINE
)
_TARGET = re.compile(
    _LINE + r'(.+): (\d+) queries against (\d+) gallery images', re.MULTILINE
)


class RunLog(NamedTuple):
    """What a run logged when it began.

    Args:
        config (Path): The config as it was run.
        sources (list[tuple[str, ...]]): Name, kind, images, identities and cameras of
            each training source.
        batch (str): What a batch is made of; empty: not logged.
        iterations (int): Batches in an epoch; 0: not logged.
        targets (dict[str, tuple[str, str]]): Queries and gallery images by target.
    """

    config: Path
    sources: list[tuple[str, ...]]
    batch: str
    iterations: int
    targets: dict[str, tuple[str, str]]


def read_run_log(work_dir: str | Path) -> RunLog:
    """Reads what the newest run in a work directory logged.

    Args:
        work_dir (str | Path): Work directory of a training.

    Returns:
        RunLog: What is there; the text log may be missing.

    Raises:
        FileNotFoundError: If there are no scalars, or the config is not beside them.
    """
    folder = find_logs(work_dir)[0].parent
    config = folder / 'config.py'
    if not config.is_file():
        raise FileNotFoundError(
            f"'{config}' is missing, where MMEngine writes the config of a run."
        )
    text = ''.join(
        log.read_text(encoding='utf-8', errors='replace')
        for log in sorted(folder.parent.glob('*.log'))
    )
    sources: list[tuple[str, ...]] = [
        (name, f'{kind}-camera', *numbers)
        for kind, name, *numbers in _SOURCE.findall(text)
    ]
    batch, iterations = (_BATCH.findall(text) or [('', 0)])[-1]
    return RunLog(
        config,
        list(dict.fromkeys(sources)),
        batch,
        int(iterations),
        {name: (queries, gallery) for name, queries, gallery in _TARGET.findall(text)},
    )
