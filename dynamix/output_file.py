from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yields a file beside ``path`` to write to, which then takes its place.

    Args:
        path (str | Path): The file to write; its folder is made if missing. What it
            holds stays until the new content is complete, or if there is an error.

    Yields:
        Path: The file beside it, with the same suffix.

    Raises:
        OSError: If the file cannot be written; names ``path``.
    """
    path = Path(path)
    beside = path.with_name(f'{path.stem}.unfinished{path.suffix}')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        with open(beside, 'rb+') as file:
            os.fsync(file.fileno())  # else a name may outlive its content in a crash
        beside.replace(path)
    except OSError as error:
        raise OSError(f'{path} cannot be written: {error}') from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
