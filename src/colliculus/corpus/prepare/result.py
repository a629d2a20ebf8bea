"""Result of the preparation of one sample, the facts about its files that it records, and the journal of results."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

from colliculus.corpus.sample import Sample, split_entry
from colliculus.files.atomic import not_following
from colliculus.files.documents import from_plain
from colliculus.files.plain import parse_json
from colliculus.media.kinds import kind_of
from colliculus.media.pictures import length_s
from colliculus.types import ColliculusError


@dataclass(frozen=True)
class PreparationResult:
    """Result of the preparation of one sample.

    Args:
        row: its row.
        missing: modalities that its row does not hold; zeros are stored there. If all are missing, it was left out.
        content: digest of the stored row.
        problem: what is wrong with its files, in a sentence; empty: nothing.
        duration_s: its length in seconds, if its files have a time.
        sha256: digest of the file of each modality; "" for a file that cannot be read.
        notes: sentences on files that were read although something about them is odd, by kind; see
            `colliculus.media.notes.NOTES`.
    """

    row: int
    missing: tuple[str, ...]
    content: str
    problem: str = ""
    duration_s: float | None = None
    sha256: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: Mapping[str, str] = field(default_factory=dict[str, str])


def duration_s(root: Path, sample: Sample) -> float | None:
    """Length of a sample by its longest sound, video or animation; None if it has no such file that can be read."""
    paths = sorted({root / file for file in sample.files.values()})
    try:
        found = [length_s(path) for path in paths if is_inside(root, path) and kind_of(path) is not None]
        ends = [end for end in found if end is not None]
    except ColliculusError:
        return None
    if not ends:
        return None
    end = max(ends) if sample.end_s is None else min(max(ends), sample.end_s)
    return round(max(end - (sample.start_s or 0.0), 0.0), 6)


def digests(root: Path, sample: Sample) -> dict[str, str]:
    """SHA-256 of the file of each modality, "" if it cannot be read."""
    return {modality: _digest(root, root / file) for modality, file in sample.files.items()}


def is_inside(root: Path, path: Path) -> bool:
    """True if a path stays below `root` after its links are resolved."""
    return Path(os.path.realpath(split_entry(path)[0])).is_relative_to(_real(root))


@cache
def _real(root: Path) -> Path:
    return Path(os.path.realpath(root))


def _digest(root: Path, path: Path) -> str:
    file = split_entry(path)[0]
    try:
        if not (is_inside(root, path) and file.is_file()):  # reading a pipe would never end
            return ""
        status = file.stat()
        return _digest_of(file, status.st_size, status.st_mtime_ns)
    except OSError:
        return ""


@lru_cache(maxsize=64)  # a file of many samples is read once
def _digest_of(path: Path, _size: int, _modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def open_journal(path: Path) -> Generator[tuple[Callable[[PreparationResult], None], dict[int, PreparationResult]]]:
    """A function that appends the result of a row that has been written, and the results so far by row.

    One line for each row, so that a kill costs one row per process: a line that a kill or a full disk cut off is
    removed when the journal is opened again. The function raises `OSError` if the disk is full.
    """
    results: dict[int, PreparationResult] = {}
    good = 0
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
        try:
            result = from_plain(parse_json(line.decode()), PreparationResult)
        except ValueError:
            break
        if not line.endswith(b"\n"):
            break
        results[result.row] = result
        good += len(line)

    def add(result: PreparationResult) -> None:
        rest = memoryview(f"{json.dumps(vars(result))}\n".encode())
        while rest:
            rest = rest[file.write(rest) :]

    with open(path, "ab", buffering=0, opener=not_following) as file:
        file.truncate(good)
        yield add, results
