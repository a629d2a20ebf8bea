"""Verification of prepared arrays against the digests of their rows in the manifest."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from colliculus.corpus.prepare.prepared_folder import PREPARE_FILE, PreparedFolder
from colliculus.files.atomic import write_atomic
from colliculus.files.documents import Document, as_document
from colliculus.files.plain import parse_json, read_text
from colliculus.records.console import remark
from colliculus.types import ColliculusError

VERIFIED_FILE = "verified.json"
"""Record in a prepared folder: size and time of its files when they were verified last."""


def verify(folder: PreparedFolder) -> None:
    """Read all arrays and compare each row with its digest.

    Raises:
        ColliculusError: a row differs, or an array is missing.
    """
    arrays = [array.memory_map() for array in folder.arrays.values()]
    for sample, result in zip(folder.samples, folder.results, strict=True):
        digest = hashlib.sha256()
        for array in arrays:
            digest.update(array[result.row].tobytes())
        if digest.hexdigest() != result.content:
            raise ColliculusError(
                f"row {result.row} of the arrays in {folder.path} ({sample.name}) has changed since it was prepared: "
                "restore the arrays, or prepare the data into a new folder"
            )
    if hashlib.sha256("".join(result.content for result in folder.results).encode()).hexdigest() != folder.content:
        raise ColliculusError(
            f"the digests in {folder.path} contradict one another: prepare the data into a new folder"
        )


def verify_once(folder: PreparedFolder) -> None:
    """`verify`, unless no file has changed in size or time since this was done; say so when it is done.

    Raises:
        ColliculusError: as for `verify`.
    """
    if _recorded(folder.path) != (state := _state(folder)):
        remark(f"verifying the arrays in {folder.path} against their digests, once until they change")
        verify(folder)
        with suppress(ColliculusError):  # a folder that cannot be written to is verified each time
            _record(folder.path, state)


def mark_verified(folder: PreparedFolder) -> None:
    """Record that the arrays are those that were prepared, so that `verify_once` need not look.

    Raises:
        ColliculusError: the record cannot be written.
    """
    _record(folder.path, _state(folder))


def _record(folder: Path, state: Document) -> None:
    write_atomic(folder / VERIFIED_FILE, json.dumps(state, indent=1).encode())


def _state(folder: PreparedFolder) -> Document:
    arrays = [file.path for array in folder.arrays.values() for file in array.files]
    paths = [folder.path / PREPARE_FILE, *arrays]
    try:
        return {path.name: [(status := path.stat()).st_size, status.st_mtime_ns] for path in paths}
    except OSError as error:
        raise ColliculusError(f"{error.filename} cannot be read ({error.strerror}): prepare the data again") from error


def _recorded(folder: Path) -> Document:
    try:
        return as_document(parse_json(read_text(folder / VERIFIED_FILE)))
    except (OSError, ValueError):
        return {}
