"""Search of raw data sets for recipes: folders, files by stem, and published lists of samples."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from colliculus.corpus.sample import Sample
from colliculus.files.checks import check_file, decoding, is_pointer, visible
from colliculus.types import ColliculusError


def subfolder(raw: Path, name: str, holds: str) -> Path:
    """Folder `name` below `raw`.

    Raises:
        ColliculusError: it is missing, or leads out of `raw`.
    """
    found = raw
    for part in name.split("/"):
        entry = next((e for e in visible(found, raw) if e.name == part and e.is_dir()), None)
        if entry is None:
            raise ColliculusError(f"{raw} has no folder {name!r} with {holds}: pass the folder that contains it")
        found = entry
    return found


def files_by_stem(folder: Path, raw: Path, suffixes: Collection[str]) -> dict[str, str]:
    """Files of `folder` with one of the `suffixes` by stem: paths below `raw`, with "/" between folders.

    Raises:
        ColliculusError: the folder cannot be listed, a link leads out of `raw`, or two files have one stem.
    """
    found: dict[str, str] = {}
    for entry in visible(folder, raw):
        if entry.suffix.lower() in suffixes and entry.is_file():
            if entry.stem in found:
                raise ColliculusError(f"{entry} and {raw / found[entry.stem]} have the same name: keep one of them")
            found[entry.stem] = entry.relative_to(raw).as_posix()
    return found


def found_samples(raw: Path, samples: Iterable[Sample], layout: str) -> list[Sample]:
    """Samples sorted by name, after a check that there are some of this `layout`, and that git-lfs fetched them.

    Raises:
        ColliculusError: there are none, or the first file of a modality is a pointer of git-lfs (then most are).
    """
    ordered = sorted(samples, key=lambda sample: sample.name)
    if not ordered:
        raise ColliculusError(f"{raw} has no {layout}: pass the folder that holds them")
    first: dict[str, str] = {}
    for sample in ordered:
        for modality, file in sample.files.items():
            first.setdefault(modality, file.partition("::")[0])
    for file in first.values():
        if is_pointer(raw / file):
            raise ColliculusError(
                f"{raw / file} is a git-lfs pointer, not the file itself, and so are others: install git-lfs and run"
                f" `git lfs pull` in {raw}"
            )
    return ordered


def read_list(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a published list, a CSV file with or without a line that names its `columns`; a row may have more.

    Raises:
        ColliculusError: the file is missing, empty, not text, or a row lacks a column.
    """
    check_file(path)
    with decoding(path, "save it as UTF-8 text"):
        text = path.read_text("utf-8-sig")
    rows = [[value.strip() for value in row] for row in csv.reader(text.splitlines()) if any(row)]
    if rows and [value.lower() for value in rows[0][: len(columns)]] == list(columns):
        rows = rows[1:]
    for number, row in enumerate(rows, 1):
        if len(row) < len(columns) or not all(row[: len(columns)]):
            raise ColliculusError(f"{path}, row {number} is incomplete: write {','.join(columns)}")
    return [dict(zip(columns, row, strict=False)) for row in rows]


def listed_splits(raw: Path, lists: tuple[str, str], labels: Mapping[str, str]) -> dict[str, str]:
    """Split of each name in a training list and a test list of names and labels, at paths as of `list_path`.

    Raises:
        ColliculusError: a list is damaged, has an unknown name or another class than `labels`, or a name of the other
        list.
    """
    splits: dict[str, str] = {}
    for split, text in zip(("train", "test"), lists, strict=True):
        path = list_path(raw, text)
        for row in read_list(path, ("name", "label")):
            name, label = row["name"], row["label"]
            if labels.get(name) != label:
                there = f"has the class {labels[name]!r}" if name in labels else "does not exist"
                raise ColliculusError(
                    f"{path} has {name!r} with the class {label!r}, which {there} in the data: correct it"
                )
            if splits.setdefault(name, split) != split:
                raise ColliculusError(f"{path} has {name!r}, also in the {splits[name]} list: remove it from one")
    return splits


def list_path(raw: Path, text: str) -> Path:
    """Path of a list: below `raw` if it exists there, else from the current folder."""
    return raw / text if (raw / text).exists() else Path(text)
