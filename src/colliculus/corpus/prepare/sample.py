"""One sample prepared: from its files to a row of each array, or to a sentence that says why not."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.prepare.recipe import split_entry
from colliculus.corpus.prepare.rows import OpenRows, RowFile
from colliculus.corpus.prepare.storage import Storage
from colliculus.corpus.source import Source
from colliculus.files.checks import decoding
from colliculus.media.container import AUDIO_SUFFIXES, VIDEO_SUFFIXES, media_length_s
from colliculus.types import ColliculusError

Incomplete = Literal["skip", "keep"]
"""What becomes of a sample of which one modality cannot be read: all of it is left out, or it lacks that modality."""


@dataclass(frozen=True)
class Outcome:
    """What became of a sample.

    Args:
        row: its row.
        missing: the modalities that its row does not hold: zeros stand there. If all: it was left out.
        problem: what was wrong with it, in a sentence; empty: nothing.
        duration_s: how long it is, where its files have a time.
        sha256: of each modality, the digest of the file it came from; "" of one that cannot be read.
        content: digest of what the row holds.
    """

    row: int
    missing: tuple[str, ...]
    content: str
    problem: str = ""
    duration_s: float | None = None
    sha256: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Workplace:
    """What is the same for all samples.

    Args:
        root: the folder that files are told below, absolute.
        storages: of each modality, how it is stored.
        arrays: and where.
        incomplete: what becomes of a sample with a modality that cannot be read.
    """

    root: Path
    storages: Mapping[str, Storage]
    arrays: Mapping[str, RowFile]
    incomplete: Incomplete

    @contextmanager
    def open(self) -> Generator[OpenWorkplace]:
        """The place with its arrays open."""
        with ExitStack() as stack:
            yield OpenWorkplace(self, {m: stack.enter_context(array.open()) for m, array in self.arrays.items()})


@dataclass(frozen=True)
class OpenWorkplace:
    """Where samples are prepared one after another."""

    place: Workplace
    rows: Mapping[str, OpenRows]

    def prepare(self, row: int, source: Source) -> Outcome:
        """Read a sample and write its row; whatever is wrong with its files is told and not raised.

        Raises:
            OSError: the row cannot be written.
        """
        found: dict[str, NDArray[np.generic]] = {}
        problems: list[str] = []
        for modality, storage in self.place.storages.items():
            if modality in source.files:
                try:
                    found[modality] = self._read(modality, storage, source)
                except ColliculusError as error:
                    problems.append(str(error))
        if problems and self.place.incomplete == "skip":
            found = {}
        return self._write(row, source, found, "; ".join(dict.fromkeys(problems)))

    def leave_out(self, row: int, source: Source, problem: str) -> Outcome:
        """Clear the row of a sample that no attempt should be made at again."""
        return self._write(row, source, {}, problem)

    def holds(self, outcome: Outcome, source: Source) -> bool:
        """Whether the row, and the files that it was made of, are as they were then."""
        return self._content(outcome.row) == outcome.content and digests(self.place.root, source) == outcome.sha256

    def _read(self, modality: str, storage: Storage, source: Source) -> NDArray[np.generic]:
        path = self.place.root / source.files[modality]
        if not _is_inside(self.place.root, path):
            raise ColliculusError(f"{path} leads out of the raw data: put what it points to in its place")
        with decoding(split_entry(path)[0]):
            array = np.ascontiguousarray(storage.read(path, source), dtype=storage.dtype.newbyteorder("<"))
            if array.shape != storage.shape:
                raise ColliculusError(f"{path} gives {array.shape} and not {storage.shape}: mend its storage")
            return array

    def _write(self, row: int, source: Source, found: Mapping[str, NDArray[np.generic]], problem: str) -> Outcome:
        for modality, rows in self.rows.items():
            if modality in found:
                rows.write(row, found[modality].tobytes())
            else:
                rows.clear(row)
        return Outcome(
            row=row,
            missing=tuple(m for m in self.rows if m not in found),
            content=self._content(row),
            problem=_printable(problem.replace(f"{self.place.root}{os.sep}", "")),
            duration_s=duration_s(self.place.root, source),
            sha256=digests(self.place.root, source),
        )

    def _content(self, row: int) -> str:
        """Digest of what stands in the row."""
        digest = hashlib.sha256()
        for rows in self.rows.values():
            digest.update(rows.read(row))
        return digest.hexdigest()


def duration_s(root: Path, source: Source) -> float | None:
    """How long a sample is, by the longest of its sound and video files; None where it has none that can be read."""
    paths = sorted({root / file for file in source.files.values()})
    timed = [path for path in paths if path.suffix.lower() in AUDIO_SUFFIXES | VIDEO_SUFFIXES]
    try:
        ends = [media_length_s(path) for path in timed if _is_inside(root, path)]
    except ColliculusError:
        return None
    if not ends:
        return None
    end = max(ends) if source.end_s is None else min(max(ends), source.end_s)
    return round(max(end - (source.start_s or 0.0), 0.0), 6)


def digests(root: Path, source: Source) -> dict[str, str]:
    """SHA-256 of the file of each modality, "" where it cannot be read."""
    return {modality: _digest(root, root / file) for modality, file in source.files.items()}


def _is_inside(root: Path, path: Path) -> bool:
    """Whether a path stays below `root`, wherever its links lead."""
    return Path(os.path.realpath(split_entry(path)[0])).is_relative_to(_home(root))


@cache
def _home(root: Path) -> Path:
    return Path(os.path.realpath(root))


def _digest(root: Path, path: Path) -> str:
    file = split_entry(path)[0]
    try:
        if not (_is_inside(root, path) and file.is_file()):  # a pipe would never end
            return ""
        status = file.stat()
        return _digest_of(file, status.st_size, status.st_mtime_ns)
    except OSError:
        return ""


@lru_cache(maxsize=64)  # a file of many samples is read but once
def _digest_of(path: Path, _size: int, _modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _printable(text: str) -> str:
    """One line that every terminal and table takes."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+", " ", text)
