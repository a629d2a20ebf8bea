"""Manifest of a data set: a table with one row per sample, written by hand or by a program."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from functools import cache
from pathlib import Path

from colliculus.corpus.sample import Sample
from colliculus.files.tables import TableFile, read_table, write_table
from colliculus.types import ColliculusError

COLUMNS = ("name", "label", "split", "group", "stratum", "start", "end", "left_out")
"""Columns that are not modalities."""
PREPARED_COLUMNS = ("row", "missing", "duration_s", "sha256", "problem")
"""Columns that `colliculus prepare` adds; they are ignored when samples are read."""
_NO_REASON = frozenset({"0", "1", "true", "false", "yes", "no"})


def read_manifest(path: Path, *, root: Path | None = None) -> list[Sample]:
    """Samples of a manifest, in its order; a table that `read_table` can read.

    The columns of `COLUMNS` are fields of `Sample` (`start` and `end` in seconds); `label` is required. Every other
    column is a modality: each cell holds the path of a file, or nothing if the sample lacks the modality. Paths start
    at `root`, or at the folder of the manifest, and may not leave it. A column that is not a modality ("age") must be
    called "#age" and is ignored. A sample without a name is named after its files.

    Raises:
        ColliculusError: the table cannot be read, or a row has a fault; the message names its line.
    """
    return samples_of(read_table(path), root)


def samples_of(table: TableFile, root: Path | None = None) -> list[Sample]:
    """Samples of a table that has been read; see `read_manifest`."""
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
    return [_sample(table, i, names[i], texts, modalities) for i, texts in enumerate(found)]


def write_manifest(path: Path, samples: Sequence[Sample]) -> None:
    """Write at least one sample atomically as .csv or .parquet, so that `read_manifest` returns the same ones.

    Raises:
        ColliculusError: the file cannot be written, or a sample cannot be expressed in such a table.
    """
    table = manifest_table(path, samples)
    write_table(path, table.columns, table.rows)


def manifest_table(path: Path, samples: Sequence[Sample]) -> TableFile:
    """TableFile of samples from which `samples_of` returns the same ones; `path` is used in messages.

    Raises:
        ColliculusError: a sample cannot be expressed in such a table.
    """
    modalities = tuple(dict.fromkeys(m for sample in samples for m in sample.files))
    rows = [sample_cells(sample, modalities) for sample in samples]
    table = TableFile(path, (*COLUMNS, *modalities), rows, range(2, len(rows) + 2))
    again = samples_of(table, path.parent)
    if differing := [sample.name for sample, read in zip(samples, again, strict=True) if sample != read]:
        raise ColliculusError(f"sample {differing[0]!r} holds an empty string: use None or a longer one")
    return table


def sample_cells(sample: Sample, modalities: Sequence[str]) -> list[str]:
    """Row of a sample: the values of `COLUMNS` and the file of each modality, "" if there is none."""
    fields = (sample.name, sample.label, sample.split, sample.group, sample.stratum, sample.start_s, sample.end_s)
    texts = ["" if value is None else str(value) for value in fields]
    return [*texts, sample.left_out, *(sample.files.get(m, "") for m in modalities)]


def _modalities(table: TableFile) -> tuple[str, ...]:
    """Columns of files, after a check of all names."""
    if "label" not in table.columns:
        raise ColliculusError(
            f"{table.path} has no column 'label' among {', '.join(map(repr, table.columns))}: name the columns in the"
            " first row, separated by commas"
        )
    for name in table.columns:
        if (small := name.lower()) in (*COLUMNS, *PREPARED_COLUMNS) and small != name:
            raise ColliculusError(f"{table.path} has a column {name!r}: write {small!r}")
        if not name.startswith("#") and not re.fullmatch(r"[\w-]+", name):
            raise ColliculusError(
                f"{table.path} has a column {name!r}: use letters, digits, - and _ for a modality, and begin the name"
                " of a column to ignore with #"
            )
    known = (*COLUMNS, *PREPARED_COLUMNS)
    return tuple(name for name in table.columns if name not in known and not name.startswith("#"))


def _path_check(root: Path) -> Callable[[str], str]:
    """Check of paths below `root`: returns the fault or ""; a manifest from others must not read other files."""
    home = os.path.realpath(root)

    @cache
    def inside(folder: str) -> bool:
        return Path(os.path.realpath(os.path.join(home, folder))).is_relative_to(home)  # noqa: PTH118 (100,000 of them)

    @cache
    def links(folder: str) -> Set[str]:
        try:
            with os.scandir(os.path.join(home, folder)) as entries:  # noqa: PTH118 - one look for all its files
                return {entry.name for entry in entries if entry.is_symlink()}
        except OSError:
            return frozenset()

    @cache
    def check(text: str) -> str:
        file, _, entry = text.partition("::")
        if "::" in text and not entry:
            return "with no entry after ::, name one"
        folder, name = os.path.split(file)
        parts = file.split("/")
        if re.match(r"/|\w:", file) or "\\" in file or ".." in parts:
            return f"which is not a path below {root}: start there, use / between folders, and no .. or drive"
        if not re.search(r"\.(?=\w*[^\W\d_])\w+$", name):  # .3gp is an ending, and 12.5 is a number
            return (
                "which is not a file name with an ending: correct it, or, if this column is not a modality, begin its"
                " name with # so that it is ignored"
            )
        if not inside(folder) or (name in links(folder) and not inside(file)):
            return f"a link that leaves {root}: replace it by the file it points to"
        return ""

    return check


def _names(table: TableFile, found: Sequence[Mapping[str, str]], modalities: Sequence[str]) -> list[str]:
    """Name of each row: its own, or its first file without ending, or all its values if rows share that file."""
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
                f"{table.place(row)}: {name!r} is also in line {table.lines[earlier]}: remove one of these rows, or"
                " give each its own name"
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


def _sample(table: TableFile, row: int, name: str, texts: Mapping[str, str], modalities: Sequence[str]) -> Sample:
    try:
        for column in ("name", "label", "split", "group", "stratum"):
            if (text := texts.get(column, "")) != text.strip():
                raise ColliculusError(f"{column!r} is {text!r}: remove the spaces around it")
        if (reason := texts.get("left_out", "")).lower() in _NO_REASON:
            raise ColliculusError(f"'left_out' is {reason!r}: write why the sample is left out, or nothing")
        return Sample(
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
