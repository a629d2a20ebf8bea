"""Tables of text in files that a person or a program made: CSV, JSON Lines and Parquet read alike."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, cast

from colliculus.files.checks import check_file, decoding
from colliculus.types import ColliculusError

TABLE_SUFFIXES = (".csv", ".jsonl", ".parquet")
TABLE_TEMPORARY = ".tmp"
"""What stands behind the name of a table while it is written."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # a terminal may obey them; half a character is none


@dataclass(frozen=True)
class Table:
    """Cells as text, "" where one is empty.

    Args:
        path: where it was read, for what is said of its rows.
        columns: names, each once.
        rows: the cells of each row, in the order of the columns.
        lines: of each row, its line in the file (in Parquet, which has no lines, its number from 1).

    Raises:
        ColliculusError: a column comes twice, or a cell holds what cannot be printed; in a column whose name begins
            with "#", which is for people, it may.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]

    def __post_init__(self) -> None:
        for column, name in enumerate(self.columns):
            if self.columns.index(name) != column:
                raise ColliculusError(f"{self.path} has two columns {name!r}: rename one of them")
            if not name.startswith("#"):
                self._check_cells(column)

    def _check_cells(self, column: int) -> None:
        for row, cells in enumerate(self.rows):
            if _UNPRINTABLE.search(cells[column]):
                what = f"{self.columns[column]!r} holds {cells[column]!r}"
                raise ColliculusError(f"{self.place(row)}: {what}: remove what cannot be printed")

    def place(self, row: int) -> str:
        """What to call a row in a sentence.

        Example:
            >>> Table(Path("clips.csv"), ("label",), [["cat"]], [2]).place(0)
            'clips.csv, line 2'
        """
        return f"{self.path}, {'row' if self.path.suffix == '.parquet' else 'line'} {self.lines[row]}"


def read_table(path: Path) -> Table:
    """Read a table of at least one row; its kind stands in its suffix.

    Args:
        path: CSV in UTF-8, commas between cells and names in the first row; or JSON Lines, one object in a line; or
            Parquet, which takes `pip install colliculus[parquet]`.

    Raises:
        ColliculusError: the file cannot be read, is of another kind, or holds no row; a row has too many or too few
            cells, or one holds something beside text and numbers; or as `Table`.
    """
    if path.suffix not in TABLE_SUFFIXES:
        raise ColliculusError(f"{path} is of a kind that is not read here: give {', '.join(TABLE_SUFFIXES)}")
    check_file(path)
    if path.suffix == ".csv":
        table = _read_csv(path)
    else:
        table = _gathered(path, _parquet_rows(path) if path.suffix == ".parquet" else _json_rows(path))
    if not table.rows:
        raise ColliculusError(f"{path} holds no row: write one for each sample")
    return table


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table in the kind that its suffix names; a file that is there is replaced in one go.

    Raises:
        ColliculusError: it is of another kind or cannot be written, or a cell is no text that UTF-8 can hold.
    """
    if path.suffix not in TABLE_SUFFIXES:
        raise ColliculusError(f"{path} is of a kind that is not written here: give {', '.join(TABLE_SUFFIXES)}")
    temporary = path.with_name(path.name + TABLE_TEMPORARY)
    try:
        if path.suffix == ".parquet":
            _write_parquet(temporary, columns, rows)
        else:
            text = _csv_text(columns, rows) if path.suffix == ".csv" else _json_text(columns, rows)
            temporary.write_bytes(text.encode())
        temporary.replace(path)
    except UnicodeEncodeError as error:
        text = error.object[max(error.start - 20, 0) : error.end + 20]
        raise ColliculusError(f"{path} cannot hold {text!a}: give files names in UTF-8") from error
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ColliculusError(f"{path} cannot be written ({error.strerror}): free space or choose another") from error


def _read_csv(path: Path) -> Table:
    rows: list[list[str]] = []
    lines: list[int] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for cells in reader:
                if cells:  # a line left empty is none
                    rows.append(cells)
                    lines.append(reader.line_num)
        except csv.Error as error:
            raise ColliculusError(
                f"{path}, line {reader.line_num}: {error}; close its quotes or write it again"
            ) from error
        except UnicodeDecodeError as error:
            raise ColliculusError(f'{path} is not in UTF-8: save it again as "CSV UTF-8"') from error
    columns = tuple(name.strip() for name in rows[0]) if rows else ()
    for cells, line in zip(rows, lines, strict=True):
        if len(cells) != len(columns):
            raise ColliculusError(
                f"{path}, line {line}: there are {len(cells)} cells for {len(columns)} columns: separate them by"
                ' commas, and put cells that hold commas into "quotes"'
            )
    return Table(path, columns, rows[1:], lines[1:])


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row: object = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except (ValueError, RecursionError) as error:
                raise ColliculusError(
                    f"{path}, line {number}: it is no JSON ({error}): write one object a line"
                ) from error
            if not isinstance(row, dict):
                raise ColliculusError(f'{path}, line {number}: it is no JSON object: write {{"label": ..., ...}}')
            yield number, cast("dict[str, object]", row)


def _parquet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    parquet = _pyarrow_parquet(path)
    with decoding(path, "write it again"):
        names: list[str] = parquet.read_schema(path).names
        if len(set(names)) < len(names):
            raise ColliculusError(f"{path} has two columns of one name among {', '.join(names)}: rename one of them")
        rows: list[dict[str, object]] = parquet.read_table(path, partitioning=None).to_pylist()
    yield from enumerate(rows, 1)


def _pyarrow_parquet(path: Path) -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ColliculusError(
            f"{path} takes the package pyarrow: install colliculus[parquet], or use .csv or .jsonl"
        ) from error
    return parquet


def _gathered(path: Path, numbered: Iterable[tuple[int, Mapping[str, object]]]) -> Table:
    """Rows that name their cells, as a table; a column stands where it first came."""
    lines, named = zip(*numbered, strict=True) if (numbered := list(numbered)) else ((), ())
    columns = tuple(dict.fromkeys(name for row in named for name in row))
    table = Table(path, columns, [], lines)
    rows = [[_text(table, number, row, name) for name in columns] for number, row in enumerate(named)]
    return Table(path, columns, rows, lines)


def _text(table: Table, number: int, row: Mapping[str, object], name: str) -> str:
    """A cell as text: numbers as Python writes them, "" of what is missing."""
    value = row.get(name)
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):  # how pandas writes a missing cell
        return ""
    if isinstance(value, int | float) or name.startswith("#"):
        return str(value)
    raise ColliculusError(
        f"{table.place(number)}: {name!r} holds a {type(value).__name__}: write text or a number, or begin the column's"
        " name with # to have it passed over"
    )


def _csv_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = StringIO(newline="")
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in (columns, *rows):
        # Python leaves a lone carriage return without quotes, and then takes it for the end of the row
        (quoted if any("\r" in cell for cell in row) else plain).writerow(row)
    return text.getvalue()


def _json_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    named = (dict(zip(columns, (cell or None for cell in row), strict=True)) for row in rows)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in named)


def _write_parquet(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    parquet = _pyarrow_parquet(path)
    import pyarrow

    cells = list(rows)
    texts = {name: [row[column] or None for row in cells] for column, name in enumerate(columns)}
    parquet.write_table(
        pyarrow.table(texts, schema=pyarrow.schema([(name, pyarrow.string()) for name in columns])), path
    )
