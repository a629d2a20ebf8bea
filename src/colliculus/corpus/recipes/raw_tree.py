"""What the recipes share that look through a raw data set: its folders, its files by stem, and lists of its samples."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from colliculus.corpus.source import Source
from colliculus.files.checks import check_file, decoding, is_pointer, visible
from colliculus.types import ColliculusError


def subfolder(raw: Path, name: str, holds: str) -> Path:
    """The folder `name` below `raw`.

    Raises:
        ColliculusError: it is missing, or leads out of `raw`.
    """
    found = raw
    for part in name.split("/"):
        entry = next((e for e in visible(found, raw) if e.name == part and e.is_dir()), None)
        if entry is None:
            raise ColliculusError(f"{raw} has no folder {name!r} with {holds}: name the folder that holds it")
        found = entry
    return found


def files_by_stem(folder: Path, raw: Path, suffixes: Collection[str]) -> dict[str, str]:
    """The files of `folder` with one of the `suffixes`, by their stem: paths below `raw`, with "/" between folders.

    Raises:
        ColliculusError: the folder cannot be listed, a link leads out of `raw`, or two files have one stem.
    """
    found: dict[str, str] = {}
    for entry in visible(folder, raw):
        if entry.suffix.lower() in suffixes and entry.is_file():
            if entry.stem in found:
                raise ColliculusError(f"{entry} and {raw / found[entry.stem]} have one name: keep one of them")
            found[entry.stem] = entry.relative_to(raw).as_posix()
    return found


def found_sources(raw: Path, sources: Iterable[Source], layout: str) -> list[Source]:
    """The sources by name, if there are any and their files were fetched.

    Args:
        raw: root of the data set.
        sources: what was found.
        layout: what should have been found.

    Raises:
        ColliculusError: there is none, or the first file of a modality is a git-lfs pointer (then most are).
    """
    ordered = sorted(sources, key=lambda source: source.name)
    if not ordered:
        raise ColliculusError(f"{raw} holds none of {layout}: name the folder that holds them")
    first: dict[str, str] = {}
    for source in ordered:
        for modality, file in source.files.items():
            first.setdefault(modality, file.partition("::")[0])
    for file in first.values():
        if is_pointer(raw / file):
            raise ColliculusError(
                f"{raw / file} is a git-lfs pointer, not the file itself, and so are others: install git-lfs and run"
                f" `git lfs pull` in {raw}"
            )
    return ordered


def read_list(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a published list, a CSV file with or without a line that names its columns.

    Args:
        path: the file.
        columns: what its columns hold; a row may hold more.

    Raises:
        ColliculusError: the file is missing, empty, no text, or a row lacks a column.
    """
    check_file(path)
    with decoding(path, "save it as UTF-8 text"):
        text = path.read_text("utf-8-sig")
    rows = [[value.strip() for value in row] for row in csv.reader(text.splitlines()) if any(row)]
    if rows and [value.lower() for value in rows[0][: len(columns)]] == list(columns):
        rows = rows[1:]
    for number, row in enumerate(rows, 1):
        if len(row) < len(columns) or not all(row[: len(columns)]):
            raise ColliculusError(f"{path}, row {number}: write {','.join(columns)} there")
    return [dict(zip(columns, row, strict=False)) for row in rows]


def listed_splits(raw: Path, lists: tuple[str, str], labels: Mapping[str, str]) -> dict[str, str]:
    """The split of each name that a training and a test list of names and labels mention.

    Args:
        raw: root of the data set.
        lists: the training and the test list, as `list_path` takes them.
        labels: the class of each name of the data set.

    Raises:
        ColliculusError: a list is damaged, names what is not there, calls it by another class, or names what the other
            list names.
    """
    splits: dict[str, str] = {}
    for split, text in zip(("train", "test"), lists, strict=True):
        path = list_path(raw, text)
        for row in read_list(path, ("name", "label")):
            name, label = row["name"], row["label"]
            if labels.get(name) != label:
                there = f"of the class {labels[name]!r}" if name in labels else "not there"
                raise ColliculusError(f"{path} names {name!r} of the class {label!r}, which is {there}: mend the list")
            if splits.setdefault(name, split) != split:
                raise ColliculusError(f"{path} names {name!r}, which is of the {splits[name]} list: name it once")
    return splits


def list_path(raw: Path, text: str) -> Path:
    """Where a list lies that the user named: below `raw`, or from where the program runs."""
    return raw / text if (raw / text).exists() else Path(text)
