"""Tables of a prepared folder: `manifest.csv`, one row per sample, and `prepare.yaml`, which is written last."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colliculus.corpus.manifest import COLUMNS, sample_cells, samples_of
from colliculus.corpus.prepare.depth_frames import DepthFrames
from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.result import PreparationResult
from colliculus.corpus.prepare.series import SensorSeries
from colliculus.corpus.prepare.shards import RowFiles
from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.prepare.stored_array import StoredArray
from colliculus.corpus.sample import Sample
from colliculus.files.documents import Document, as_document, from_plain, read_document, to_plain
from colliculus.files.tables import TableFile, read_table, write_table
from colliculus.types import ColliculusError

ONE_FILE, SHARDED = 1, 2
"""Formats of a prepared folder: one file for each modality, or several for some."""
FORMAT = SHARDED
"""Number of the latest layout of a prepared folder."""
REMEDY = "prepare the data into a new folder"
"""Advice if a file of the folder is damaged."""
WORK_FOLDER = ".unfinished"
"""Folder inside a prepared folder that holds plan, samples and journal until the preparation is finished."""
PREPARE_FILE, MANIFEST_FILE = "prepare.yaml", "manifest.csv"
_CONTENT = "#content"  # column of the digests of rows; readers of manifests skip columns that begin with #
_NOTES = "#notes"  # column of the notes, only where there are any
STORAGES: Mapping[str, type[Any]] = {
    "frames": Frames,
    "sound": Sound,
    "event-frames": EventFrames,
    "array": StoredArray,
    "series": SensorSeries,
    "depth-frames": DepthFrames,
}
"""Storages by their names in `prepare.yaml`."""


@dataclass(frozen=True)
class PreparedFolder:
    """A prepared folder, its arrays unopened.

    Args:
        path: the folder.
        recipe: name of the recipe that made it.
        classes: names of the classes, ascending.
        storages: storage of each modality, in declared order.
        samples: samples in the order of their rows.
        results: result of each sample.
        content: digest of all arrays.
        shards: rows of a file of each modality that is kept in several.
    """

    path: Path
    recipe: str
    classes: tuple[str, ...]
    storages: Mapping[str, Storage]
    samples: Sequence[Sample]
    results: Sequence[PreparationResult]
    content: str
    shards: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def arrays(self) -> dict[str, RowFiles]:
        """Files of each modality."""
        return row_files(self.path, self.storages, len(self.samples), self.shards)

    @property
    def usable(self) -> list[int]:
        """Rows that hold at least one modality."""
        return [result.row for result in self.results if len(result.missing) < len(self.storages)]


@dataclass(frozen=True)
class Layout:
    """Files of a prepared folder, as its `prepare.yaml` states them.

    Args:
        storages: storage of each modality, in declared order.
        rows: number of samples.
        shards: rows of a file of each modality that is kept in several.
        manifest: SHA-256 of `manifest.csv`.
        files: SHA-256 of each file of arrays, where a modality is kept in several; else empty.
    """

    storages: Mapping[str, Storage]
    rows: int
    shards: Mapping[str, int]
    manifest: str
    files: Mapping[str, str]

    def arrays(self, folder: Path) -> dict[str, RowFiles]:
        """Files of each modality in `folder`."""
        return row_files(folder, self.storages, self.rows, self.shards)


def layout_of(document: Document) -> Layout:
    """The layout that a `prepare.yaml` states; none of its files is outside the folder.

    Raises:
        ColliculusError: a value has the wrong type or is out of range.
        KeyError: a value is missing.
    """
    found = Layout(
        storages=described(document["modalities"]),
        rows=from_plain(document["samples"], int),
        shards=from_plain(document.get("shards", {}), dict[str, int]),
        manifest=from_plain(document["manifest"], str),
        files=from_plain(document.get("files", {}), dict[str, str]),
    )
    if bad := [m for m in found.storages if not re.fullmatch(r"[\w-]+", m)]:
        raise ColliculusError(f"a modality is called {bad[0]!r}")
    if found.rows < 1 or min(found.shards.values(), default=1) < 1:
        raise ColliculusError("a number of rows is below 1")
    return found


def row_files(
    folder: Path, storages: Mapping[str, Storage], rows: int, shards: Mapping[str, int]
) -> dict[str, RowFiles]:
    """Files of each modality in `folder` for `rows` samples; `shards` are the rows of a file of those in several."""
    return {m: RowFiles(folder / f"{m}.npy", rows, s.shape, s.dtype, shards.get(m)) for m, s in storages.items()}


def describe(storages: Mapping[str, Storage]) -> Document:
    """Storages as `prepare.yaml` records them.

    Raises:
        ColliculusError: a storage has no name in `STORAGES`.
    """
    names = {kind: name for name, kind in STORAGES.items()}
    if unknown := [m for m, storage in storages.items() if type(storage) not in names]:
        raise ColliculusError(f"the storage of {unknown[0]!r} is unknown: choose one of {', '.join(STORAGES)}")
    return {
        m: {
            "stored": names[type(storage)],
            "settings": to_plain(storage),
            "shape": list(storage.shape),
            "dtype": storage.dtype.name,
        }
        for m, storage in storages.items()
    }


def described(plain: object) -> dict[str, Storage]:
    """The inverse of `describe`.

    Raises:
        ColliculusError: a setting is unknown or has the wrong type.
        KeyError: a storage has no name in `STORAGES`, or a key is missing.
    """
    parts = {m: as_document(part) for m, part in as_document(plain).items()}
    return {m: from_plain(part["settings"], STORAGES[part["stored"]]) for m, part in parts.items()}


def write_samples(
    folder: Path, samples: Sequence[Sample], results: Sequence[PreparationResult], names: Sequence[str]
) -> str:
    """Write `manifest.csv` for the modalities `names`; returns its digest.

    Raises:
        ColliculusError: it cannot be written.
    """
    noted = any(result.notes for result in results)
    rows = (
        [
            str(result.row),
            *sample_cells(sample, names),
            " ".join(result.missing),
            "" if result.duration_s is None else str(result.duration_s),
            " ".join(f"{m}={digest}" for m, digest in result.sha256.items()),
            result.content,
            result.problem,
            *([json.dumps(dict(result.notes), ensure_ascii=False) if result.notes else ""] if noted else []),
        ]
        for sample, result in zip(samples, results, strict=True)
    )
    columns = (
        "row",
        *COLUMNS,
        *names,
        "missing",
        "duration_s",
        "sha256",
        _CONTENT,
        "problem",
        *([_NOTES] if noted else []),
    )
    write_table(folder / MANIFEST_FILE, columns, rows)
    return hashlib.sha256((folder / MANIFEST_FILE).read_bytes()).hexdigest()


def read_prepared(folder: Path) -> PreparedFolder:
    """Read the tables of a folder that `colliculus prepare` made.

    Raises:
        ColliculusError: the preparation is not finished, or its tables are damaged or do not belong together.
    """
    if not (folder / PREPARE_FILE).is_file():
        if (folder / WORK_FOLDER).is_dir():
            raise ColliculusError(f"the preparation of {folder} is not finished: run the same command again")
        raise ColliculusError(
            f"{folder} is not a prepared folder, it has no {PREPARE_FILE}: run `colliculus prepare RECIPE RAW {folder}`"
        )
    document = read_document(folder / PREPARE_FILE, newest=FORMAT, remedy=REMEDY)
    table = read_table(folder / MANIFEST_FILE)
    try:
        layout = layout_of(document)
        if hashlib.sha256(table.path.read_bytes()).hexdigest() != layout.manifest:
            raise ColliculusError("the digest differs")
        return PreparedFolder(
            path=folder,
            recipe=from_plain(as_document(document["recipe"])["name"], str),
            classes=from_plain(document["classes"], tuple[str, ...]),
            storages=layout.storages,
            samples=samples_of(table),
            results=_results(table),
            content=from_plain(document["content"], str),
            shards=layout.shards,
        )
    except (KeyError, ValueError) as error:
        raise ColliculusError(
            f"{table.path} and {PREPARE_FILE} beside it do not belong together or are damaged ({error}): {REMEDY}, and"
            " keep your own lists elsewhere"
        ) from error


def _results(table: TableFile) -> list[PreparationResult]:
    columns = {name: table.columns.index(name) for name in table.columns}
    named = [{name: cells[at] for name, at in columns.items()} for cells in table.rows]
    return [
        PreparationResult(
            row=int(cells["row"]),
            missing=tuple(cells["missing"].split()),
            content=cells[_CONTENT],
            problem=cells["problem"],
            duration_s=float(cells["duration_s"]) if cells["duration_s"] else None,
            sha256={m: digest for m, _, digest in (part.partition("=") for part in cells["sha256"].split())},
            notes=from_plain(json.loads(cells.get(_NOTES) or "{}"), dict[str, str]),
        )
        for cells in named
    ]
