"""What there is to know of a sample's files before anybody prepares them: whether they can be read, all of them."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from colliculus.corpus.prepare.recipe import split_entry
from colliculus.corpus.prepare.sample import Outcome, digests, duration_s
from colliculus.corpus.source import Source
from colliculus.files.checks import check_file, decoding
from colliculus.media.array_files import as_float32, check_numbers
from colliculus.media.container import AUDIO_SUFFIXES, VIDEO_SUFFIXES, media_length_s, open_media
from colliculus.media.event_files import read_aedat, read_cochlea
from colliculus.media.images import IMAGE_SUFFIXES, read_image
from colliculus.types import ColliculusError


@dataclass(frozen=True)
class Inspection:
    """Looks at samples one after another, in the place of one that prepares them.

    Args:
        root: the folder that files are told below, absolute.
        quick: whether it is enough that the files are there, not empty, and no pointers.
    """

    root: Path
    quick: bool = False

    @contextmanager
    def open(self) -> Generator[Inspection]:
        """Nothing needs to be opened."""
        yield self

    def prepare(self, row: int, source: Source) -> Outcome:
        """What the files of a sample hold, and what is wrong with them."""
        problems: dict[str, None] = {}
        missing: list[str] = []
        for modality, file in source.files.items():
            try:
                if self.quick:
                    check_file(split_entry(self.root / file)[0])
                else:
                    check_readable(self.root / file, modality)
            except ColliculusError as error:
                problems[str(error).replace(f"{self.root}{os.sep}", "")] = None
                missing.append(modality)
        if self.quick:
            return Outcome(row, tuple(missing), "", "; ".join(problems))
        seconds = None if problems else duration_s(self.root, source)
        if seconds == 0:
            problems[f"it begins at {source.start_s or 0.0:g} s, where its files have ended: mend `start`"] = None
        return Outcome(row, tuple(missing), "", "; ".join(problems), seconds, digests(self.root, source))

    def leave_out(self, row: int, source: Source, problem: str) -> Outcome:
        """Of a sample that killed whoever looked at it."""
        return Outcome(row, source.modalities, "", problem, None, digests(self.root, source))


def check_readable(path: Path, modality: str) -> None:
    """Decode all of a file.

    Args:
        path: a sound, picture, video, array or event file, by its suffix; "FILE::ENTRY" is an entry of one.
        modality: what it is read for: a video for a modality whose name begins with "audio" must have sound, for
            any other pictures.

    Raises:
        ColliculusError: it is missing, empty, damaged, a git-lfs pointer, or of another kind.
    """
    file, entry = split_entry(path)
    check_file(file)
    status = file.stat()
    _check_once(file, entry, modality.startswith("audio"), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)  # the two modalities of a video, and the many samples of a long one
def _check_once(file: Path, entry: str, heard: bool, _size: int, _modified_ns: int) -> None:
    suffix = file.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        read_image(file)
    elif suffix in AUDIO_SUFFIXES | VIDEO_SUFFIXES:
        _check_media(file, "audio" if heard or suffix in AUDIO_SUFFIXES else "video")
    elif suffix in (".npy", ".npz"):
        _check_arrays(file, entry)
    elif suffix == ".aedat":
        read_aedat(file)
    elif suffix in (".hdf5", ".h5"):
        read_cochlea(file, entry)
    else:
        raise ColliculusError(f"{file} is of a kind that is not read here: give sound, pictures, arrays or events")


def _check_media(file: Path, track: str) -> None:
    media_length_s(file)
    with decoding(file), open_media(file) as container:
        streams = [stream for stream in container.streams if stream.type == track]
        kind = "sound" if track == "audio" else "picture"
        if not streams:
            raise ColliculusError(f"{file} holds no {kind}: give a file with a {kind} track")
        if not sum(1 for _ in container.decode(streams[0])):
            raise ColliculusError(f"{file} holds no {kind}: its {kind} track is empty; record or copy it again")


def _check_arrays(file: Path, entry: str) -> None:
    with decoding(file, "write it again with numpy.save, as numbers"), file.open("rb") as stream:
        loaded = np.load(stream, allow_pickle=False)
        arrays = {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded.items())
    if entry and entry not in arrays:
        raise ColliculusError(f"{file} holds the arrays {', '.join(arrays)} and no {entry!r}: name one of them")
    for array in arrays.values():
        check_numbers(file, array)
        as_float32(file, array)
