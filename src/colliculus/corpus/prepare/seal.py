"""The two tables of a prepared folder: `manifest.csv`, one line a sample, and `prepare.yaml`, written last of all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from colliculus.corpus.manifest import COLUMNS, source_cells, sources_of
from colliculus.corpus.prepare.download import atomic_path
from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.rows import RowFile
from colliculus.corpus.prepare.sample import Outcome
from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.prepare.stored_array import StoredArray
from colliculus.corpus.source import Source
from colliculus.files.documents import Document, as_document, flat, from_plain, package_version, to_plain
from colliculus.files.tables import Table, read_table, write_table
from colliculus.types import ColliculusError

FORMAT = 1
"""Number of the layout of a prepared folder; a later layout gets a higher one."""
WORK_FOLDER = ".unfinished"
"""What a preparation keeps in its folder until it is done: its plan, its sources and its journal."""
SEAL_FILE, MANIFEST_FILE = "prepare.yaml", "manifest.csv"
_CONTENT = "#content"  # the column of digests of rows; readers of manifests pass over what begins so
STORAGES: Mapping[str, type[Any]] = {
    "frames": Frames,
    "sound": Sound,
    "event-frames": EventFrames,
    "array": StoredArray,
}
"""What `prepare.yaml` calls each way to store a modality."""


@dataclass(frozen=True)
class PreparedFolder:
    """A prepared folder, its arrays unopened.

    Args:
        path: the folder.
        recipe: name of the recipe that made it.
        classes: their names, ascending.
        storages: of each modality, in declared order, how it is stored.
        sources: the samples, in the order of their rows.
        outcomes: what became of each.
        content: digest of all that the arrays hold.
    """

    path: Path
    recipe: str
    classes: tuple[str, ...]
    storages: Mapping[str, Storage]
    sources: Sequence[Source]
    outcomes: Sequence[Outcome]
    content: str

    @property
    def arrays(self) -> dict[str, RowFile]:
        """Where each modality lies."""
        return row_files(self.path, self.storages, len(self.sources))

    @property
    def usable(self) -> list[int]:
        """The rows that hold at least one modality."""
        return [outcome.row for outcome in self.outcomes if len(outcome.missing) < len(self.storages)]


def row_files(folder: Path, storages: Mapping[str, Storage], rows: int) -> dict[str, RowFile]:
    """Where each modality of `rows` samples lies in `folder`."""
    return {m: RowFile(folder / f"{m}.npy", rows, s.shape, s.dtype) for m, s in storages.items()}


def describe(storages: Mapping[str, Storage]) -> Document:
    """What `prepare.yaml` tells of the modalities.

    Raises:
        ColliculusError: one of them is stored in a way that has no name.
    """
    names = {kind: name for name, kind in STORAGES.items()}
    if unknown := [m for m, storage in storages.items() if type(storage) not in names]:
        raise ColliculusError(f"{unknown[0]!r} is stored as none of {', '.join(STORAGES)}: choose one of them")
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
    """The storages that `describe` told of.

    Raises:
        ColliculusError: a setting is unknown or of the wrong type.
        KeyError: a storage has no such name, or something is left out.
    """
    told = {m: as_document(part) for m, part in as_document(plain).items()}
    return {m: from_plain(part["settings"], STORAGES[part["stored"]]) for m, part in told.items()}


def write_document(path: Path, document: Document) -> None:
    """Write YAML in one go.

    Raises:
        OSError: it cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode())


def read_document(path: Path) -> Document:
    """YAML that `write_document` wrote.

    Raises:
        ColliculusError: it cannot be read, is damaged, or was written by a later version.
    """
    try:
        document = as_document(yaml.safe_load(path.read_text(encoding="utf-8")))
        number = from_plain(document.get("format"), int)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ColliculusError(f"{path} cannot be read or is damaged: prepare the data into a new folder") from error
    if number > FORMAT:
        raise ColliculusError(
            f"{path} has format {number} and colliculus {package_version()} reads formats up to {FORMAT}: upgrade it"
        )
    return document


def check_same(place: Path, before: Document, now: Document, mend: str) -> None:
    """Refuse to go on in a folder that was prepared otherwise.

    Raises:
        ColliculusError: they differ; the sentence names the first setting that does.
    """
    old, new = flat(before), flat(now)
    for key in old | new:
        if key == "sources" and old.get(key) != new.get(key):
            raise ColliculusError(f"{place} was prepared from samples of other names, labels, splits or files: {mend}")
        if old.get(key) != new.get(key):
            raise ColliculusError(
                f"{place} was prepared otherwise, its {key} is {old.get(key)} and not {new.get(key)}: {mend}"
            )


def write_samples(folder: Path, sources: Sequence[Source], outcomes: Sequence[Outcome], names: Sequence[str]) -> str:
    """Write `manifest.csv` of modalities `names`; its digest.

    Raises:
        ColliculusError: it cannot be written.
    """
    rows = (
        [
            str(outcome.row),
            *source_cells(source, names),
            " ".join(outcome.missing),
            "" if outcome.duration_s is None else str(outcome.duration_s),
            " ".join(f"{m}={digest}" for m, digest in outcome.sha256.items()),
            outcome.content,
            outcome.problem,
        ]
        for source, outcome in zip(sources, outcomes, strict=True)
    )
    columns = ("row", *COLUMNS, *names, "missing", "duration_s", "sha256", _CONTENT, "problem")
    write_table(folder / MANIFEST_FILE, columns, rows)
    return hashlib.sha256((folder / MANIFEST_FILE).read_bytes()).hexdigest()


def read_prepared(folder: Path) -> PreparedFolder:
    """What `colliculus prepare` wrote.

    Raises:
        ColliculusError: `folder` holds no finished preparation, or its tables are damaged or do not belong together.
    """
    if not (folder / SEAL_FILE).is_file():
        if (folder / WORK_FOLDER).is_dir():
            raise ColliculusError(f"the preparation of {folder} is not finished: run it again, and it goes on")
        raise ColliculusError(
            f"{folder} holds no {SEAL_FILE}, so no finished preparation: run `colliculus prepare RECIPE RAW {folder}`"
        )
    seal, table = read_document(folder / SEAL_FILE), read_table(folder / MANIFEST_FILE)
    try:
        if hashlib.sha256(table.path.read_bytes()).hexdigest() != seal["manifest"]:
            raise ColliculusError("its digest is another")
        return PreparedFolder(
            path=folder,
            recipe=from_plain(as_document(seal["recipe"])["name"], str),
            classes=from_plain(seal["classes"], tuple[str, ...]),
            storages=described(seal["modalities"]),
            sources=sources_of(table),
            outcomes=_outcomes(table),
            content=from_plain(seal["content"], str),
        )
    except (KeyError, ValueError) as error:
        raise ColliculusError(
            f"{table.path} and {SEAL_FILE} beside it do not belong together or are damaged ({error}): prepare the data "
            "into a new folder, and write your own lists elsewhere"
        ) from error


def _outcomes(table: Table) -> list[Outcome]:
    columns = {name: table.columns.index(name) for name in table.columns}
    named = [{name: cells[at] for name, at in columns.items()} for cells in table.rows]
    return [
        Outcome(
            row=int(cells["row"]),
            missing=tuple(cells["missing"].split()),
            content=cells[_CONTENT],
            problem=cells["problem"],
            duration_s=float(cells["duration_s"]) if cells["duration_s"] else None,
            sha256={m: digest for m, _, digest in (part.partition("=") for part in cells["sha256"].split())},
        )
        for cells in named
    ]
