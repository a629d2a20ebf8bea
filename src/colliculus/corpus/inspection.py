"""Inspection of the files of samples without preparing them: whether each can be read completely."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from colliculus.corpus.prepare.result import PreparationResult, digests, duration_s
from colliculus.corpus.sample import Sample, split_entry
from colliculus.files.checks import check_file
from colliculus.media.event_formats import EVENT_SUFFIXES, is_event_file, read_events
from colliculus.media.kinds import kind_of
from colliculus.media.notes import collected_notes, note_again
from colliculus.media.pictures import check_pictures
from colliculus.media.sound import check_sound
from colliculus.types import ColliculusError


@dataclass(frozen=True)
class SampleInspection:
    """Inspects samples one after another, where a preparation would prepare them.

    Args:
        root: folder above all files of the samples, absolute.
        quick: check only that files exist, are not empty, and are not pointers of git-lfs.
    """

    root: Path
    quick: bool = False

    @contextmanager
    def open(self) -> Generator[SampleInspection]:
        """This inspection; nothing needs to be opened."""
        yield self

    def prepare(self, row: int, sample: Sample) -> PreparationResult:
        """Facts about the files of a sample, and their problems."""
        problems: dict[str, None] = {}
        missing: list[str] = []
        with collected_notes() as notes:
            for modality, file in sample.files.items():
                try:
                    if self.quick:
                        check_file(split_entry(self.root / file)[0])
                    else:
                        check_readable(self.root / file, modality)
                except ColliculusError as error:
                    problems[self._below(str(error))] = None
                    missing.append(modality)
        if self.quick:
            return PreparationResult(row, tuple(missing), "", "; ".join(problems))
        seconds = None if problems else duration_s(self.root, sample)
        if seconds == 0:
            problems[f"it begins at {sample.start_s or 0.0:g} s, after the end of its files: correct `start`"] = None
        return PreparationResult(
            row,
            tuple(missing),
            "",
            "; ".join(problems),
            seconds,
            digests(self.root, sample),
            {kind: self._below(sentence) for kind, sentence in notes.items()},
        )

    def _below(self, sentence: str) -> str:
        return sentence.replace(f"{self.root}{os.sep}", "")

    def leave_out(self, row: int, sample: Sample, problem: str) -> PreparationResult:
        """Result of a sample whose files killed the process that inspected it."""
        return PreparationResult(row, sample.modalities, "", problem, None, digests(self.root, sample))


def check_readable(path: Path, modality: str) -> None:
    """Check that a whole sound, image, video, array or event file can be decoded, and note what is odd about it.

    "FILE::ENTRY" is an entry of a file. A video must have sound if the name of its modality begins with "audio", and
    images otherwise.

    Raises:
        ColliculusError: it is missing, empty, damaged, a pointer of git-lfs, or of an unknown kind.
    """
    file, entry = split_entry(path)
    check_file(file)
    status = file.stat()
    note_again(_check_once(file, entry, modality.startswith("audio"), status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=64)  # a video has two modalities, and a long one has many samples
def _check_once(file: Path, entry: str, is_audio: bool, _size: int, _modified_ns: int) -> Mapping[str, str]:
    with collected_notes() as notes:
        _check(file, entry, is_audio=is_audio)
    return notes


def _check(file: Path, entry: str, *, is_audio: bool) -> None:
    suffix = file.suffix.lower()
    if kind := kind_of(file):
        if kind == "sound" or (kind == "container" and is_audio):
            check_sound(file)
        else:
            check_pictures(file)
    elif suffix == ".csv":
        _check_table(file)
    elif suffix in EVENT_SUFFIXES and not entry and is_event_file(file):
        read_events(file)
    elif suffix in (".npy", ".npz"):
        _check_arrays(file, entry)
    elif suffix == ".mat":
        _check_series(file)
    elif suffix in EVENT_SUFFIXES - {".txt"}:
        read_events(file, entry)
    else:
        raise ColliculusError(f"{file} has an unknown ending: use a sound, image, video, array or event file")


def _check_arrays(file: Path, entry: str) -> None:
    from colliculus.media.array_files import as_float32, check_numbers  # brings PyTorch
    from colliculus.media.numpy_files import load_arrays

    arrays = load_arrays(file)
    if entry and entry not in arrays:
        raise ColliculusError(f"{file} holds the arrays {', '.join(arrays)} and no {entry!r}: choose one of them")
    for array in arrays.values():
        check_numbers(file, array)
        as_float32(file, array)


def _check_table(file: Path) -> None:
    """Lines of numbers are a series, or events of four columns without names: for both they need to be numbers."""
    try:
        _check_series(file)
    except ColliculusError:
        if not is_event_file(file):
            raise
        read_events(file)


def _check_series(file: Path) -> None:
    from colliculus.media.array_files import as_float32  # brings PyTorch
    from colliculus.media.series import read_series

    as_float32(file, read_series(file, ""))
