"""SampleInspection of the files of samples without preparing them: whether each can be read completely."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from colliculus.corpus.prepare.result import PreparationResult, digests, duration_s
from colliculus.corpus.sample import Sample, split_entry
from colliculus.files.checks import check_file, decoding
from colliculus.media.container import AUDIO_SUFFIXES, VIDEO_SUFFIXES, Track, decoded_frames, track_end_s
from colliculus.media.event_formats import EVENT_SUFFIXES, is_event_file, read_events
from colliculus.media.images import IMAGE_SUFFIXES, read_image
from colliculus.media.window import Window
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
        for modality, file in sample.files.items():
            try:
                if self.quick:
                    check_file(split_entry(self.root / file)[0])
                else:
                    check_readable(self.root / file, modality)
            except ColliculusError as error:
                problems[str(error).replace(f"{self.root}{os.sep}", "")] = None
                missing.append(modality)
        if self.quick:
            return PreparationResult(row, tuple(missing), "", "; ".join(problems))
        seconds = None if problems else duration_s(self.root, sample)
        if seconds == 0:
            problems[f"it begins at {sample.start_s or 0.0:g} s, after the end of its files: correct `start`"] = None
        return PreparationResult(row, tuple(missing), "", "; ".join(problems), seconds, digests(self.root, sample))

    def leave_out(self, row: int, sample: Sample, problem: str) -> PreparationResult:
        """Result of a sample whose files killed the process that inspected it."""
        return PreparationResult(row, sample.modalities, "", problem, None, digests(self.root, sample))


def check_readable(path: Path, modality: str) -> None:
    """Check that a whole sound, image, video, array or event file, by its suffix, can be decoded.

    "FILE::ENTRY" is an entry of a file. A video must have sound if the name of its modality begins with "audio", and
    images otherwise.

    Raises:
        ColliculusError: it is missing, empty, damaged, a pointer of git-lfs, or of an unknown kind.
    """
    file, entry = split_entry(path)
    check_file(file)
    status = file.stat()
    _check_once(file, entry, modality.startswith("audio"), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)  # a video has two modalities, and a long one has many samples
def _check_once(file: Path, entry: str, is_audio: bool, _size: int, _modified_ns: int) -> None:
    suffix = file.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        read_image(file)
    elif suffix in AUDIO_SUFFIXES | VIDEO_SUFFIXES:
        _check_media(file, "audio" if is_audio or suffix in AUDIO_SUFFIXES else "video")
    elif suffix in EVENT_SUFFIXES and not entry and is_event_file(file):
        read_events(file)
    elif suffix in (".npy", ".npz"):
        _check_arrays(file, entry)
    elif suffix in EVENT_SUFFIXES - {".txt"}:
        read_events(file, entry)
    else:
        raise ColliculusError(f"{file} has an unknown ending: use a sound, image, video, array or event file")


def _check_media(file: Path, track: Track) -> None:
    content = "sound" if track == "audio" else "images"
    with decoding(file):
        track_end_s(file, track, Window())
        if not sum(1 for _ in decoded_frames(file, track, 0.0)):
            raise ColliculusError(f"{file} holds no {content}: its {track} track is empty; record or copy it again")


def _check_arrays(file: Path, entry: str) -> None:
    from colliculus.media.array_files import as_float32, check_numbers  # brings PyTorch
    from colliculus.media.numpy_files import load_arrays

    arrays = load_arrays(file)
    if entry and entry not in arrays:
        raise ColliculusError(f"{file} holds the arrays {', '.join(arrays)} and no {entry!r}: choose one of them")
    for array in arrays.values():
        check_numbers(file, array)
        as_float32(file, array)
