from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

PARQUET_SUFFIXES = ('.parquet', '.pq')
BATCH_ROWS = 65_536
Row = tuple[str | None, ...]


class TableRows:
    """Rows of a CSV or Parquet file as text, read one by one.

    Args:
        file (str): Path; ``.parquet`` and ``.pq`` are Parquet, all else is CSV with a
            line of column names, separated by commas, in UTF-8.

    Attributes:
        columns (list[str]): Names of all columns.

    Raises:
        ImportError: If pyarrow is needed and not installed.
        ValueError: If it is no such file, or names a column twice.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.is_parquet = file.lower().endswith(PARQUET_SUFFIXES)
        if self.is_parquet:
            with _open_parquet(file) as table:
                self.columns = list(table.schema_arrow.names)
        else:
            with _open_csv(file) as stream:
                self.columns = next(self._csv_rows(csv.reader(stream)), [])
        twice = {name for name in self.columns if self.columns.count(name) > 1}
        if twice:
            raise ValueError(f'{file} names the column {sorted(twice)[0]!r} twice.')

    def where(self, number: int) -> str:
        """The file and the place of a row in it, for messages."""
        return f'{self.file}, {"row" if self.is_parquet else "line"} {number}'

    def read(self, names: Sequence[str]) -> Iterator[tuple[int, Row]]:
        """Reads at least two columns.

        Yields:
            tuple: Number of the row (in CSV that of its last line, in Parquet from 1),
            and the text of each column: ``''`` where it is empty, None where there is
            no such column.

        Raises:
            ValueError: If a row has another number of cells; names its line.
        """
        return self._read_parquet(names) if self.is_parquet else self._read_csv(names)

    def _read_csv(self, names: Sequence[str]) -> Iterator[tuple[int, Row]]:
        columns = self.columns
        pick = itemgetter(*(columns.index(n) if n in columns else -1 for n in names))
        with _open_csv(self.file) as stream:
            reader = csv.reader(stream)
            rows = self._csv_rows(reader)
            next(rows, None)
            for row in rows:
                if not row:
                    continue
                if len(row) != len(columns):
                    raise ValueError(
                        f'{self.where(reader.line_num)}: there are {len(row)} cells, '
                        f'but {len(columns)} columns: {", ".join(columns)}.'
                    )
                yield reader.line_num, pick([*row, None])

    def _csv_rows(self, reader: Any) -> Iterator[list[str]]:
        try:
            yield from reader
        except csv.Error as error:
            raise ValueError(f'{self.where(reader.line_num)}: {error}.') from error

    def _read_parquet(self, names: Sequence[str]) -> Iterator[tuple[int, Row]]:
        there = [name for name in names if name in self.columns]
        number = 0
        with _open_parquet(self.file) as table:
            for batch in table.iter_batches(BATCH_ROWS, columns=there):
                for row in batch.to_pylist():
                    number += 1
                    cells = (_text(row[n]) if n in row else None for n in names)
                    yield number, tuple(cells)


def _open_csv(file: str) -> Any:
    # undecodable bytes become what they are in the names of files
    return open(file, newline='', encoding='utf-8-sig', errors='surrogateescape')


@contextmanager
def _open_parquet(file: str) -> Iterator[Any]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise ImportError(
            f'reading {file} needs pyarrow: pip install -e ".[tables]"'
        ) from error
    try:
        with ParquetFile(file) as table:
            yield table
    except (ArrowException, OSError) as error:  # also while rows are read
        raise ValueError(f'{file} cannot be read as Parquet: {error}') from error


def _text(value: Any) -> str:
    """A cell as CSV would have it; whole numbers with gaps are floats in Parquet."""
    if value is None or value != value:
        return ''
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
