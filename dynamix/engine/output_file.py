"""Files that are either written completely or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def check_writable(path: str | Path) -> None:
    """Checks that a file can be made, before the work whose result it is to hold.

    Args:
        path (str | Path): The file; its folder is made if missing.

    Raises:
        OSError: If it cannot; names ``path``.
    """
    with _named(Path(path)) as beside:
        beside.touch()
        beside.unlink(missing_ok=True)


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yields a file beside ``path`` to write to, which then takes its place.

    Args:
        path (str | Path): The file to write; its folder is made if missing. What it
            holds stays until the new content is complete.

    Yields:
        Path: The file beside it, with the same suffix.

    Raises:
        OSError: If the file cannot be written; names ``path``.
    """
    with _named(Path(path)) as beside:
        yield beside
        beside.replace(path)


@contextmanager
def _named(path: Path) -> Iterator[Path]:
    beside = path.with_name(f'{path.stem}.unfinished{path.suffix}')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise OSError(f'{path} cannot be written: {error}') from error
