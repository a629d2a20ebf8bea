"""Tables of text: CSV and Parquet files."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from colliculus.files.atomic import write_atomic
from colliculus.files.checks import check_file, decoding
from colliculus.types import ColliculusError

_MOST_BYTES, _CELL = 2**29, 64  # of a table in memory; a repeated cell takes few bytes of a file
TABLE_SUFFIXES = (".csv", ".parquet")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and lone surrogates, which tables and terminals do not take."""


@dataclass(frozen=True)
class TableFile:
    """Cells as text, "" for an empty one.

    Args:
        path: file it was read from, for messages about its rows.
        columns: distinct names.
        rows: cells of each row, in the order of the columns.
        lines: line of each row in the file (Parquet has no lines: number of the row, from 1).

    Raises:
        ColliculusError: two columns have one name, or a cell holds unprintable characters (allowed in columns whose
            name begins with "#").
    """

    path: Path
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]

    def __post_init__(self) -> None:
        for column, name in enumerate(self.columns):
            if self.columns.index(name) != column:
                raise ColliculusError(f"{self.path} has two columns {name!r}: rename one of them")
            texts = [] if name.startswith("#") else [cells[column] for cells in self.rows]
            if UNPRINTABLE.search("".join(texts)):  # one search for all cells: there may be a million
                row = next(row for row, text in enumerate(texts) if UNPRINTABLE.search(text))
                raise ColliculusError(
                    f"{self.place(row)}: {name!r} holds {texts[row]!r}: remove unprintable characters"
                )

    def place(self, row: int) -> str:
        """Name of a row in a message.

        Example:
            >>> TableFile(Path("clips.csv"), ("label",), [["cat"]], [2]).place(0)
            'clips.csv, line 2'
        """
        return f"{self.path}, {'row' if self.path.suffix == '.parquet' else 'line'} {self.lines[row]}"


def read_table(path: Path) -> TableFile:
    """Read a table of at least one row: .csv (UTF-8, commas between cells, names in the first row) or .parquet.

    Parquet needs `pip install 'colliculus[parquet]'`.

    Raises:
        ColliculusError: the file cannot be read, is of another kind, or has no rows; a row has too many or too few
            cells, or a cell holds something other than text and numbers; or as in `TableFile`.
    """
    _check_suffix(path)
    check_file(path)
    table = _read_csv(path) if path.suffix == ".csv" else _read_parquet(path)
    if not table.rows:
        raise ColliculusError(f"{path} has no rows: write one for each sample")
    return table


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table atomically, in the kind that its suffix names.

    Raises:
        ColliculusError: the table is of another kind or cannot be written, or a cell holds text outside UTF-8.
    """
    _check_suffix(path)
    try:
        write_atomic(path, (csv_bytes if path.suffix == ".csv" else _parquet_bytes)(columns, rows))
    except UnicodeEncodeError as error:
        text = error.object[max(error.start - 20, 0) : error.end + 20]
        raise ColliculusError(f"{path} cannot hold {text!a}: use file names in UTF-8") from error


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A table as CSV in UTF-8.

    Raises:
        UnicodeEncodeError: a cell holds text outside UTF-8.
    """
    text = StringIO(newline="")
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in (columns, *rows):
        # Python leaves a lone carriage return without quotes, and then reads it as the end of the row
        (quoted if any("\r" in str(cell) for cell in row) else plain).writerow(row)
    return text.getvalue().encode()


def _check_suffix(path: Path) -> None:
    if path.suffix not in TABLE_SUFFIXES:
        raise ColliculusError(f"{path} is not a table: use a file ending in {' or '.join(TABLE_SUFFIXES)}")


def _read_csv(path: Path) -> TableFile:
    rows: list[list[str]] = []
    lines: list[int] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for cells in reader:
                if cells:  # empty lines are skipped
                    rows.append(cells)
                    lines.append(reader.line_num)
        except csv.Error as error:
            raise ColliculusError(f"{path}, line {reader.line_num}: {error}; close quotes or write it again") from error
        except UnicodeDecodeError as error:
            raise ColliculusError(f'{path} is not in UTF-8: save it again as "CSV UTF-8"') from error
    columns = tuple(name.strip() for name in rows[0]) if rows else ()
    for cells, line in zip(rows, lines, strict=True):
        if len(cells) != len(columns):
            raise ColliculusError(
                f"{path}, line {line}: there are {len(cells)} cells for {len(columns)} columns: separate cells by"
                ' commas, and put cells that contain commas into "quotes"'
            )
    return TableFile(path, columns, rows[1:], lines[1:])


def _read_parquet(path: Path) -> TableFile:
    parquet = _pyarrow_parquet()
    with decoding(path, "write it again"):
        stated: Any = parquet.read_metadata(path)
        size = sum(stated.row_group(number).total_byte_size for number in range(stated.num_row_groups))
        if max(size, stated.num_rows * _CELL) > _MOST_BYTES:
            raise ColliculusError(f"{path} states {stated.num_rows:,} rows in {size:,} bytes: give a smaller table")
        columns: tuple[str, ...] = tuple(parquet.read_schema(path).names)
        if len(set(columns)) < len(columns):
            raise ColliculusError(f"{path} has two columns of the same name among {', '.join(columns)}: rename one")
        named: list[dict[str, object]] = parquet.read_table(path, partitioning=None).to_pylist()
    table = TableFile(path, columns, [], range(1, len(named) + 1))
    rows = [[_text(table, number, row, name) for name in columns] for number, row in enumerate(named)]
    return TableFile(path, columns, rows, table.lines)


def _pyarrow_parquet() -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ColliculusError("Parquet tables need pyarrow: pip install 'colliculus[parquet]', or use .csv") from error
    return parquet


def _text(table: TableFile, number: int, row: Mapping[str, object], name: str) -> str:
    """A cell as text: numbers as Python writes them, "" for a missing value."""
    value = row.get(name)
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):  # pandas writes missing cells so
        return ""
    if isinstance(value, int | float) or name.startswith("#"):
        return str(value)
    raise ColliculusError(
        f"{table.place(number)}: {name!r} holds a {type(value).__name__}: write text or a number, or begin the column's"
        " name with # so that it is ignored"
    )


def _parquet_bytes(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    parquet = _pyarrow_parquet()
    import pyarrow

    cells = list(rows)
    texts = {name: [row[column] or None for row in cells] for column, name in enumerate(columns)}
    content = BytesIO()
    schema = pyarrow.schema([(name, pyarrow.string()) for name in columns])
    parquet.write_table(pyarrow.table(texts, schema=schema), content)
    return content.getvalue()
