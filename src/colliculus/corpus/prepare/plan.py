"""Plan of a preparation: what it will do, written down first, and checked before it continues."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from colliculus.corpus.manifest import COLUMNS, PREPARED_COLUMNS, manifest_table
from colliculus.corpus.prepare.manifest_rows import MANIFEST_FILE
from colliculus.corpus.prepare.prepared_folder import (
    FORMAT,
    ONE_FILE,
    PREPARE_FILE,
    REMEDY,
    SHARDED,
    WORK_FOLDER,
    describe,
)
from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.prepare.shards import SHARD_GB, RowFiles, rows_per_file
from colliculus.corpus.prepare.storage import Storage
from colliculus.corpus.prepare.workspace import Incomplete
from colliculus.corpus.sample import Sample
from colliculus.files.atomic import remove_leftovers, write_atomic
from colliculus.files.documents import (
    Document,
    as_document,
    differences,
    from_plain,
    package_version,
    read_document,
    to_plain,
    write_document,
)
from colliculus.files.lock import LOCK_FILE
from colliculus.files.tables import csv_bytes
from colliculus.types import ColliculusError

_LATER = ("events", "video_frames")
"""Settings of recipes that version 0.1 did not have; they decide storages and nothing else."""
PLAN_FILE, SAMPLES_FILE = "plan.yaml", "sources.csv"
RESULTS = ("manifest", "content", "usable", "files")
"""Keys that `prepare.yaml` holds beside those of the plan; the last one only where arrays are in several files."""


def open_plan(
    out: Path,
    recipe: Recipe,
    incomplete: Incomplete,
    storages: Mapping[str, Storage],
    samples: Sequence[Sample],
    *,
    strict: bool = False,
    shard_gb: float | None = None,
) -> Document:
    """Check that this preparation may be done in `out`, and write its plan there.

    Raises:
        ColliculusError: `out` holds something else, or a row of a modality is larger than `shard_gb`.
    """
    finished, work = out / PREPARE_FILE, out / WORK_FOLDER
    strange = sorted({path.name for path in out.iterdir()} - {LOCK_FILE, WORK_FOLDER})
    if strange and not finished.exists() and not (work / PLAN_FILE).exists():
        raise ColliculusError(f"{out} is not a prepared folder, it holds {strange[0]!r}: choose an empty folder")
    shards = _shards(out, storages, len(samples), SHARD_GB if shard_gb is None else shard_gb)
    table = manifest_table(work / SAMPLES_FILE, samples)
    listed = csv_bytes(table.columns, table.rows)
    plan: Document = {
        "format": SHARDED if shards else ONE_FILE,
        "versions": {"colliculus": package_version(), "av": package_version("av")},
        "recipe": {"name": recipe.name, **_settings(recipe, storages)},
        "incomplete": incomplete,
        **({"strict": True} if strict else {}),  # folders of earlier versions do not name it
        "samples": len(samples),
        "sources": hashlib.sha256(listed).hexdigest(),
        "classes": sorted({sample.label for sample in samples}),
        "modalities": describe(storages),
        **({"shards": shards} if shards else {}),
    }
    remedy = "use the same settings and raw data, or choose another folder"
    if finished.exists():
        check_same(out, {**finished_plan(out), "versions": plan["versions"]}, plan, remedy)
    elif (work / PLAN_FILE).exists():
        check_same(out, read_document(work / PLAN_FILE, newest=FORMAT, remedy=REMEDY), plan, remedy)
    remove_leftovers(out, (MANIFEST_FILE, PREPARE_FILE))
    remove_leftovers(work, (SAMPLES_FILE, PLAN_FILE))
    if not finished.exists():
        write_atomic(work / SAMPLES_FILE, listed)
        if not (work / PLAN_FILE).exists():
            write_document(work / PLAN_FILE, plan)
    return plan


def _shards(out: Path, storages: Mapping[str, Storage], rows: int, gigabytes: float) -> dict[str, int]:
    """Rows of a file of each modality that takes several: those of a preparation that was begun, else by the size."""
    for begun in (out / PREPARE_FILE, out / WORK_FOLDER / PLAN_FILE):
        if begun.exists():
            document = read_document(begun, newest=FORMAT, remedy=REMEDY)
            return from_plain(document.get("shards", {}), dict[str, int])
    each = {m: rows_per_file(m, storage.shape, storage.dtype, gigabytes) for m, storage in storages.items()}
    return {m: count for m, count in each.items() if count < rows}


def finished_plan(out: Path) -> Document:
    """The plan of a finished preparation.

    Raises:
        ColliculusError: it cannot be read.
    """
    document = read_document(out / PREPARE_FILE, newest=FORMAT, remedy=REMEDY)
    return {key: value for key, value in document.items() if key not in RESULTS}


def _settings(recipe: Recipe, storages: Mapping[str, Storage]) -> Document:
    """Settings of a recipe; those that version 0.1 did not have only where they are used, so that its folders go on."""
    settings = to_plain(recipe)
    unused = {name for name in _LATER if not settings.get(name)}
    if all(recipe.storages.get(m) == storage for m, storage in storages.items()):
        unused.add("video_frames")
    return {name: value for name, value in settings.items() if name not in unused}


def check_same(place: Path, before: Document, now: Document, remedy: str) -> None:
    """Check that a preparation has the plan of an earlier one.

    Raises:
        ColliculusError: the plans differ; the message names the first setting that does.
    """
    for key, (old, new) in differences(*_compared(before, now)).items():
        if key == "sources":
            raise ColliculusError(
                f"{place} was prepared from samples of other names, labels, splits or files: {remedy}"
            )
        raise ColliculusError(f"{place} was prepared differently, its {key} is {old} and not {new}: {remedy}")


def _compared(before: Document, now: Document) -> tuple[Document, Document]:
    """Two plans with the settings that count; one that does not name `video_frames` has the middle frames, as 0."""
    recipes = [as_document(plan.get("recipe", {})) for plan in (before, now)]
    names = recipes[0].keys() | recipes[1].keys()
    for recipe in recipes:
        if before.get("modalities") == now.get("modalities"):
            for name in _LATER:
                recipe.pop(name, None)
        elif "video_frames" in names:
            recipe.setdefault("video_frames", 0)
    return {**before, "recipe": recipes[0]}, {**now, "recipe": recipes[1]}


def used_storages(recipe: Recipe, samples: Sequence[Sample]) -> dict[str, Storage]:
    """Storage of each modality present in the samples.

    Raises:
        ColliculusError: the recipe stores no such modality, its name is not allowed, or there is only one class.
    """
    present = {m: sample.name for sample in reversed(samples) for m in sample.files}
    if unknown := sorted(set(present) - set(recipe.storages)):
        raise ColliculusError(
            f"sample {present[unknown[0]]!r} has the modality {unknown[0]!r}, and {recipe.name} stores only"
            f" {', '.join(recipe.storages)}"
        )
    reserved = {*COLUMNS, *PREPARED_COLUMNS}
    if bad := [m for m in present if m in reserved or not re.fullmatch(r"[\w-]+", m)]:
        raise ColliculusError(f"a modality cannot have the name {bad[0]!r}: choose one of letters, digits, - and _")
    if len(labels := {sample.label for sample in samples}) < 2:
        raise ColliculusError(
            f"all {len(samples)} samples have the class {next(iter(labels), None)!r}: add samples of a second class"
        )
    return {m: storage for m, storage in recipe.storages_for(samples).items() if m in present}


def check_apart(raw: Path, out: Path) -> None:
    """Check that neither folder contains the other: the next preparation would read prepared files as raw data.

    Raises:
        ColliculusError: they do, or `out` is a file.
    """
    home, target = Path(os.path.realpath(raw)), Path(os.path.realpath(out))
    inside = raw.is_dir() and target.is_relative_to(home)
    hidden = inside and any(part.startswith(".") for part in target.relative_to(home).parts)  # recipes skip these
    if (inside and not hidden) or home.is_relative_to(target):
        raise ColliculusError(f"{out} and {raw} contain one another: choose a folder beside the raw data")
    if out.exists() and not out.is_dir():
        raise ColliculusError(f"{out} is a file: choose a folder to prepare into")


def check_space(out: Path, arrays: Iterable[RowFiles]) -> None:
    """Check that the disk has room for the arrays.

    Raises:
        ColliculusError: it has not.
    """
    needed, free = sum(array.lacking_bytes for array in arrays), shutil.disk_usage(out).free
    if needed > free:
        raise ColliculusError(
            f"{out} needs {needed / 1e9:.2f} GB and its disk has {free / 1e9:.2f} GB left: free some space, choose"
            " another folder, or store less (smaller images, fewer steps)"
        )
