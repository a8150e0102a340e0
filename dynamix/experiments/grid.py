"""Rows (settings) x test beds x seeds, each of them one run of training."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger

from dynamix.engine.command_line import add_config_options, merge_options

# Where data lie and how they are fetched changes no result.
_BESIDE_THE_POINT = ('data_root', 'num_workers')


@dataclass(frozen=True)
class Table:
    """Rows that are read together.

    Attributes:
        name (str): Its key in ``tables.py``.
        title (str): Heading.
        reference (str): The row that the others are measured against.
        rows (tuple[str, ...]): Names of config files, without ``.py``.
    """

    name: str
    title: str
    reference: str
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One run: a row on a bed with a seed.

    Attributes:
        config (Path): The row's config file.
        row (str): Its name.
        bed (str): Value of ``DYNAMIX_BED``.
        scale (str): Value of ``DYNAMIX_SCALE``.
        seed (int): Value of ``randomness.seed``.
        options (tuple[str, ...]): Further ``key=value`` of ``--cfg-options``.
    """

    config: Path
    row: str
    bed: str
    scale: str
    seed: int
    options: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """What the config reads from the environment."""
        return dict(DYNAMIX_BED=self.bed, DYNAMIX_SCALE=self.scale)

    def __str__(self) -> str:
        return f'{self.row} on {self.bed}, seed {self.seed}'


def read_tables(folder: str | Path) -> dict[str, Table]:
    """Reads ``tables.py`` of a folder of rows.

    Args:
        folder (str | Path): Has ``tables.py`` and a config file for each row.

    Returns:
        dict[str, Table]: By name, in the order of the file.

    Raises:
        FileNotFoundError: If ``tables.py`` or a row's file is missing.
    """
    folder = Path(folder)
    file = folder / 'tables.py'
    if not file.is_file():
        raise FileNotFoundError(
            f"'{file}', which says what rows there are, is missing."
        )
    found = {}
    for name, value in Config.fromfile(file).tables.items():
        table = Table(name, value.title, value.reference, tuple(value.rows))
        for row in (*table.rows, table.reference):
            if not (folder / f'{row}.py').is_file():
                raise FileNotFoundError(
                    f"table '{name}' of '{file}' names the row '{row}', but there is "
                    f"no '{folder / row}.py'."
                )
        found[name] = table
    return found


def row_title(config: str | Path) -> str:
    """What the first line of a row's config says, a comment; else its name."""
    config = Path(config)
    with open(config, encoding='utf-8') as stream:
        first = stream.readline().strip()
    return first[1:].strip() if first.startswith('#') else config.stem


def resolve(cell: Cell) -> Config:
    """The config that a run goes by, but for its seed.

    Args:
        cell (Cell): The run.

    Raises:
        ValueError: If ``tools/train.py`` would refuse one of ``cell.options``.
    """
    with _environment(cell.environment):
        cfg = Config.fromfile(cell.config)
    parser = argparse.ArgumentParser()
    add_config_options(parser)
    words = ['--cfg-options', *cell.options] if cell.options else []
    merge_options(cfg, parser.parse_args(words).cfg_options)
    return cfg


def fingerprint(cfg: Config) -> str:
    """Names the settings of a run: equal settings, equal results.

    Args:
        cfg (Config): From :func:`resolve`.

    Returns:
        str: Ten hexadecimal digits.
    """
    text = json.dumps(_relevant(cfg.to_dict()), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def shard(cells: Sequence[Cell], text: str) -> list[Cell]:
    """The part of the runs that one task of an array takes.

    Args:
        cells (Sequence[Cell]): All runs.
        text (str): ``'i/n'``: part ``i`` of ``n``, counted from 1.

    Raises:
        ValueError: If the text is not of this form.
    """
    number, _, count = text.partition('/')
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise ValueError(
            f"a part is written as i/n with 1 <= i <= n, but got '{text}'."
        )
    return list(cells[int(number) - 1 :: int(count)])


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in values}
    logger = MMLogger.get_current_instance()
    level = logger.level
    os.environ.update(values)
    # MMEngine tells each variable it reads; with a hundred runs that hides the rest.
    logger.setLevel('WARNING')
    try:
        yield
    finally:
        logger.setLevel(level)
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


def _relevant(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            str(key): _relevant(item)
            for key, item in value.items()
            if key not in _BESIDE_THE_POINT
        }
    if isinstance(value, list | tuple):
        return [_relevant(item) for item in value]
    return value
