"""Predictions for files: clips of folders, decoded one by one in another process, classified in batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.storage_reader import StorageReader
from colliculus.evaluation.clip_predictions import ClipPrediction
from colliculus.media.apart import apart
from colliculus.media.clips import Clip
from colliculus.media.notes import collected_notes
from colliculus.records.console import steps as shown_steps
from colliculus.types import ColliculusError

if TYPE_CHECKING:  # it imports torch
    from colliculus.data.dataset import ClipReader

Arrays = Mapping[str, NDArray[np.float32]]
"""Raw arrays of a clip, by modality, or (B, ...) of B clips."""
Classify = Callable[[tuple[str, ...], Arrays], Sequence[ClipPrediction]]
"""Names of B clips and their arrays (B, ...), with the same modalities and shapes -> their predictions."""

_SHOWN_ERRORS = 3
_AT_ONCE = 16  # clips in one forward pass: five to ten times as fast as one by one on a CPU


@dataclass(frozen=True)
class FilePredictions:
    """Result of `predict_files`; for the fields see `ClipPredictions`."""

    predictions: Sequence[ClipPrediction]
    unread: Mapping[str, str]
    notes: tuple[str, ...]
    skipped: Mapping[str, tuple[str, ...]]


def predict_files(
    paths: Sequence[Path],
    reader: ClipReader,
    modalities: tuple[str, ...],
    classify: Classify,
    batch_size: int | None = None,
) -> FilePredictions:
    """Predictions for files or folders of files, in the order of the clips' names.

    Media are decoded in another process, which may crash. A progress bar is shown on stderr, where that is a terminal.

    Args:
        paths: files and folders.
        reader: reads the clips.
        modalities: those of the network; others of the clips are left out.
        classify: the network.
        batch_size: clips that are classified together; None: 16.

    Raises:
        ColliculusError: `batch_size` is below 1, a path does not exist, or no clip can be read.
    """
    size = _AT_ONCE if batch_size is None else batch_size
    if size < 1:
        raise ColliculusError(f"`batch_size` is {size}: choose at least 1")
    files, skipped = files_of(paths, reader.knows)
    clips = reader.group(files)
    found = _Batches(modalities, classify, size)
    with collected_notes() as notes:
        for name, clip in shown_steps([*clips.items()], "clips"):
            try:
                arrays = _read(reader, clip)
            except ColliculusError as error:
                found.unread[name] = str(error)
            else:
                found.add(name, arrays)
        found.finish()
    if not found.predictions:
        reasons = [*found.unread.values()][:_SHOWN_ERRORS]
        if len(clips) == 1:
            raise ColliculusError(reasons[0])
        raise ColliculusError(f"none of the {len(clips)} clips could be read ({'; '.join(reasons)}): give other files")
    predictions = [found.predictions[name] for name in clips if name in found.predictions]
    return FilePredictions(predictions, found.unread, tuple(notes.values()), skipped)


class _Batches:
    """Clips that wait until a batch of the same modalities and shapes is full, and predictions by name of clip."""

    def __init__(self, modalities: tuple[str, ...], classify: Classify, batch_size: int) -> None:
        self._modalities, self._classified, self._size = modalities, classify, batch_size
        self._waiting = defaultdict[object, dict[str, Arrays]](dict)
        self.predictions: dict[str, ClipPrediction] = {}
        self.unread: dict[str, str] = {}

    def add(self, name: str, arrays: Arrays) -> None:
        """Add a clip; a full batch is classified."""
        own = {m: array for m, array in arrays.items() if m in self._modalities}
        shapes = tuple((m, array.shape) for m, array in own.items())
        self._waiting[shapes][name] = own
        if len(self._waiting[shapes]) == self._size:
            self._classify(self._waiting.pop(shapes))

    def finish(self) -> None:
        """Classify the clips that are left."""
        for waiting in self._waiting.values():
            self._classify(waiting)

    def _classify(self, clips: Mapping[str, Arrays]) -> None:
        first = next(iter(clips.values()))
        stacked = {m: np.stack([arrays[m] for arrays in clips.values()]) for m in first}
        try:
            found = self._classified(tuple(clips), stacked)
        except ColliculusError as error:  # it is about modalities and shapes, which all of them share
            self.unread |= dict.fromkeys(clips, str(error))
        else:
            self.predictions |= {one.clip: one for one in found}


def _read(reader: ClipReader, clip: Clip) -> Mapping[str, NDArray[np.float32]]:
    if not isinstance(reader, StorageReader):  # it decodes no media
        return reader.read(clip)
    return apart(", ".join(str(file) for file in clip.files), reader.read, clip)


def files_of(paths: Sequence[Path], knows: Callable[[Path], bool]) -> tuple[list[Path], dict[str, tuple[str, ...]]]:
    """The given files, and those that are skipped, by ending.

    A folder stands for its files that are not hidden and of a known kind.

    Raises:
        ColliculusError: a path does not exist, or a folder holds no such file.
    """
    found, skipped = list[Path](), defaultdict[str, tuple[str, ...]](tuple)
    if not paths:
        raise ColliculusError("no file was given: name files or a folder of files")
    for path in paths:
        if not path.exists():
            raise ColliculusError(f"{path} does not exist: name a file or a folder of files to classify")
        if not path.is_dir():
            found.append(path)
            continue
        inside = [p for p in sorted(path.rglob("*")) if p.is_file() and not p.name.startswith(".")]
        known = [p for p in inside if knows(p)]
        if not known:
            raise ColliculusError(f"{path} has no file that can be classified: name a folder of such files")
        found += known
        for other in sorted(set(inside) - set(known)):
            skipped[other.suffix.lower() or "no ending"] += (str(other),)
    return found, dict(skipped)
