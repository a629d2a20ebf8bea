"""Tables of a prepared folder: `manifest.csv`, one row per sample, and `prepare.yaml`, which is written last."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from colliculus.corpus.manifest import samples_of
from colliculus.corpus.prepare.depth_frames import DepthFrames
from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.manifest_rows import MANIFEST_FILE, results_in
from colliculus.corpus.prepare.result import PreparationResult
from colliculus.corpus.prepare.series import SensorSeries
from colliculus.corpus.prepare.shards import RowFiles
from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.prepare.stored_array import StoredArray
from colliculus.corpus.sample import Sample
from colliculus.files.checks import check_file, file_digest
from colliculus.files.documents import Document, as_document, from_plain, read_document, to_plain
from colliculus.files.tables import read_table
from colliculus.types import ColliculusError

ONE_FILE, SHARDED = 1, 2
"""Formats of a prepared folder: one file for each modality, or several for some."""
FORMAT = SHARDED
"""Number of the latest layout of a prepared folder."""
REMEDY = "prepare the data into a new folder"
"""Advice if a file of the folder is damaged."""
WORK_FOLDER = ".unfinished"
"""Folder inside a prepared folder that holds plan, samples and journal until the preparation is finished."""
PREPARE_FILE = "prepare.yaml"
DIVIDED_FOLDER = "divided"
"""Folder inside a prepared folder for what trainings keep about its parts; it can be deleted."""
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


@dataclass(frozen=True)
class PreparedFolder:
    """A prepared folder, its arrays unopened and its manifest unread: both may be large.

    Args:
        path: the folder.
        recipe: name of the recipe that made it.
        classes: names of the classes, ascending.
        layout: its files.
        content: digest of all arrays.
        pairs: value of the recipe's setting `pairs`, a protocol; "" for a recipe without that setting.
    """

    path: Path
    recipe: str
    classes: tuple[str, ...]
    layout: Layout
    content: str
    pairs: str = ""

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Storage of each modality, in declared order."""
        return self.layout.storages

    @property
    def rows(self) -> int:
        """Number of samples."""
        return self.layout.rows

    @property
    def arrays(self) -> dict[str, RowFiles]:
        """Files of each modality."""
        return self.layout.arrays(self.path)

    @property
    def samples(self) -> Sequence[Sample]:
        """Samples in the order of their rows.

        Raises:
            ColliculusError: the manifest is damaged.
        """
        return self._listed[0]

    @property
    def results(self) -> Sequence[PreparationResult]:
        """Result of each sample.

        Raises:
            ColliculusError: the manifest is damaged.
        """
        return self._listed[1]

    @property
    def usable(self) -> list[int]:
        """Rows that hold at least one modality."""
        return [result.row for result in self.results if len(result.missing) < len(self.storages)]

    @cached_property
    def _listed(self) -> tuple[Sequence[Sample], Sequence[PreparationResult]]:
        table = read_table(self.path / MANIFEST_FILE)
        with _consistent(table.path):
            if len(table.rows) != self.rows:
                raise ColliculusError(f"there are {len(table.rows)} rows and not {self.rows}")
            return samples_of(table), results_in(table)


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
    check_file(manifest := folder / MANIFEST_FILE)
    with _consistent(manifest):
        layout = layout_of(document)
        if file_digest(manifest) != layout.manifest:
            raise ColliculusError("the digest differs")
        recipe = as_document(document["recipe"])
        return PreparedFolder(
            path=folder,
            recipe=from_plain(recipe["name"], str),
            classes=from_plain(document["classes"], tuple[str, ...]),
            layout=layout,
            content=from_plain(document["content"], str),
            pairs=from_plain(recipe.get("pairs", ""), str),
        )


@contextmanager
def _consistent(manifest: Path) -> Generator[None]:
    """Name the two tables in an error about one of them."""
    try:
        yield
    except (KeyError, ValueError) as error:
        raise ColliculusError(
            f"{manifest} and {PREPARE_FILE} beside it do not belong together or are damaged ({error}): {REMEDY}, and"
            " keep your own lists elsewhere"
        ) from error
