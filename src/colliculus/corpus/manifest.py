"""The manifest of a data set: a table with one row for each sample, written by hand or by a program."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from colliculus.corpus.source import Source
from colliculus.files.tables import Table, read_table, write_table
from colliculus.types import ColliculusError

COLUMNS = ("name", "label", "split", "group", "stratum", "start", "end", "left_out")
"""Those that are no modality."""
PREPARED_COLUMNS = ("row", "missing", "duration_s", "sha256", "problem")
"""What `colliculus prepare` adds; passed over where samples are read."""
_NO_REASON = frozenset({"0", "1", "true", "false", "yes", "no"})


def read_manifest(path: Path, *, root: Path | None = None) -> list[Source]:
    """The samples of a manifest, in its order.

    A column of `COLUMNS` is what `Source` tells (`start` and `end` in seconds); `label` must be there. Every other
    column is a modality, with the path of a file in each cell, or nothing where a sample lacks it. A column that is no
    modality ("age") must be called "#age": then it is passed over. A sample without a name is called after its files.

    Args:
        path: the table, as `read_table` reads it.
        root: the folder that paths begin at; None: the one that holds the manifest. No path may leave it.

    Raises:
        ColliculusError: the table cannot be read, or what is wrong with a row, with its line.
    """
    return sources_of(read_table(path), root)


def sources_of(table: Table, root: Path | None = None) -> list[Source]:
    """As `read_manifest`, of a table that has been read."""
    modalities = _modalities(table)
    if not modalities:
        raise ColliculusError(f"{table.path} has no column of files: add one for each modality, such as `audio`")
    column = {name: table.columns.index(name) for name in (*COLUMNS, *modalities) if name in table.columns}
    check = _path_check(table.path.parent if root is None else root)
    found: list[dict[str, str]] = []
    for number, cells in enumerate(table.rows):
        texts = {name: cells[at] for name, at in column.items() if cells[at]}
        for modality in modalities:
            if modality in texts and (fault := check(texts[modality])):
                raise ColliculusError(f"{table.place(number)}: {modality!r} is {texts[modality]!r}, {fault}")
        found.append(texts)
    names = _names(table, found, modalities)
    return [_source(table, i, names[i], texts, modalities) for i, texts in enumerate(found)]


def write_manifest(path: Path, sources: Sequence[Source]) -> None:
    """Write samples so that `read_manifest` gives the same ones; a file that is there is replaced in one go.

    Args:
        path: ends in .csv, .jsonl or .parquet.
        sources: at least one; their files need not be there.

    Raises:
        ColliculusError: the file cannot be written, or a sample cannot be told in such a table.
    """
    modalities = tuple(dict.fromkeys(m for source in sources for m in source.files))
    rows = [source_cells(source, modalities) for source in sources]
    table = Table(path, (*COLUMNS, *modalities), rows, range(2, len(rows) + 2))
    again = sources_of(table, path.parent)
    if differing := [source.name for source, read in zip(sources, again, strict=True) if source != read]:
        raise ColliculusError(f"sample {differing[0]!r} holds an empty text: give None, or something to write")
    write_table(path, table.columns, rows)


def source_cells(source: Source, modalities: Sequence[str]) -> list[str]:
    """The row of a sample: what `COLUMNS` name, and the file of each modality, "" where there is none."""
    told = (source.name, source.label, source.split, source.group, source.stratum, source.start_s, source.end_s)
    texts = ["" if value is None else str(value) for value in told]
    return [*texts, source.left_out, *(source.files.get(m, "") for m in modalities)]


def _modalities(table: Table) -> tuple[str, ...]:
    """The columns that hold files, after a check of all names."""
    if "label" not in table.columns:
        raise ColliculusError(
            f"{table.path} has no column 'label' but {', '.join(map(repr, table.columns))}: name it in the first row,"
            " and separate columns by commas"
        )
    for name in table.columns:
        if (small := name.lower()) in (*COLUMNS, *PREPARED_COLUMNS) and small != name:
            raise ColliculusError(f"{table.path} has a column {name!r}: write {small!r}")
        if not name.startswith("#") and not re.fullmatch(r"[\w-]+", name):
            raise ColliculusError(
                f"{table.path} has a column {name!r}: name a modality by letters, digits, - and _, and begin the name"
                " of a column to pass over with #"
            )
    known = (*COLUMNS, *PREPARED_COLUMNS)
    return tuple(name for name in table.columns if name not in known and not name.startswith("#"))


def _path_check(root: Path) -> Callable[[str], str]:
    """What is wrong with a path below `root`, "" if nothing is; a stranger's manifest should read no other files."""
    home = os.path.realpath(root)

    @cache
    def inside(folder: str) -> bool:
        return Path(os.path.realpath(os.path.join(home, folder))).is_relative_to(home)  # noqa: PTH118 (100,000 of them)

    @cache
    def check(text: str) -> str:
        file, _, entry = text.partition("::")
        if "::" in text and not entry:
            return "where :: stands before no entry: name one"
        folder, name = os.path.split(file)
        parts = file.split("/")
        if re.match(r"/|\w:", file) or "\\" in file or ".." in parts:
            return f"which is no path below {root}: begin there, with / between folders, and without .. or a drive"
        if not re.search(r"\.[^\W\d]\w*$", name):
            return (
                "which is no path of a file with an ending: mend it, or, if this column is no modality, begin its name"
                " with # and it is passed over"
            )
        full = os.path.join(home, file)  # noqa: PTH118
        if not inside(folder) or (os.path.islink(full) and not inside(file)):  # noqa: PTH114
            return f"a link that leaves {root}: put what it points to in its place"
        return ""

    return check


def _names(table: Table, found: Sequence[Mapping[str, str]], modalities: Sequence[str]) -> list[str]:
    """Of each row the name it gives, or its first file without the ending, or, where rows share that, all it holds."""
    short = [texts.get("name") or _first_file(texts, modalities) for texts in found]
    shared = Counter(short)
    names = [
        name if shared[name] == 1 or "name" in texts else _everything(texts, modalities)
        for name, texts in zip(short, found, strict=True)
    ]
    seen: dict[str, int] = {}
    for row, name in enumerate(names):
        if name and (earlier := seen.setdefault(name, row)) != row:
            raise ColliculusError(
                f"{table.place(row)}: {name!r} stands in line {table.lines[earlier]} too: remove one of these rows, or"
                " give each a name of its own"
            )
    return names


def _first_file(texts: Mapping[str, str], modalities: Sequence[str]) -> str:
    file, separator, entry = next((texts[m] for m in modalities if m in texts), "").partition("::")
    return os.path.splitext(file)[0] + separator + entry  # noqa: PTH122 (100,000 of them)


def _everything(texts: Mapping[str, str], modalities: Sequence[str]) -> str:
    files = " + ".join(dict.fromkeys(texts[m] for m in modalities if m in texts))
    if not files:
        return ""
    segment = f"{texts.get('start', '')}-{texts.get('end', '')} s"
    return " ".join([files, *[segment] * (len(segment) > 3), texts.get("label", ""), texts.get("split", "")]).strip()


def _source(table: Table, row: int, name: str, texts: Mapping[str, str], modalities: Sequence[str]) -> Source:
    try:
        for column in ("name", "label", "split", "group", "stratum"):
            if (text := texts.get(column, "")) != text.strip():
                raise ColliculusError(f"{column!r} is {text!r}: remove the spaces around it")
        if (reason := texts.get("left_out", "")).lower() in _NO_REASON:
            raise ColliculusError(
                f"'left_out' is {reason!r}: write why the sample is left out, or nothing if it is not"
            )
        return Source(
            name=name,
            label=texts.get("label", ""),
            files={m: texts[m] for m in modalities if m in texts},
            split=texts.get("split"),
            group=texts.get("group"),
            stratum=texts.get("stratum"),
            start_s=_seconds("start", texts),
            end_s=_seconds("end", texts),
            left_out=reason,
        )
    except ColliculusError as error:
        raise ColliculusError(f"{table.place(row)}: {error}") from error


def _seconds(column: str, texts: Mapping[str, str]) -> float | None:
    if column not in texts:
        return None
    try:
        seconds = float(texts[column])
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ColliculusError(f"{column!r} is {texts[column]!r}: write a number of seconds, such as 2.5")
    return seconds
