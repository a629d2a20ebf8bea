"""Sources of a stream: files and folders of files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from colliculus.corpus.prepare.storage import Frames as StoredFrames
from colliculus.corpus.prepare.storage import Sound
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.dataset import ClipReader, Normalisation
from colliculus.data.loading import standard_batch
from colliculus.evaluation.predict import files_of
from colliculus.media.apart import apart
from colliculus.media.clips import Clip
from colliculus.media.kinds import kind_of
from colliculus.media.lengths import media_length_s
from colliculus.model import check_time_first
from colliculus.streaming.stream import Stream
from colliculus.types import ColliculusError


@dataclass(frozen=True, eq=False)
class Stretch:
    """As much of a source as one window of the model sees.

    Args:
        source: name of the clip; parts of one name follow each other in time.
        start_s: start in seconds; None where the source has no time.
        length_s: length in seconds; None where it is not known.
        num_steps: steps of the stream in this length.
        steps: what each step brings, (1, C, H, W) or (n, 1, C, H, W) by modality, standardised.
    """

    source: str
    start_s: float | None
    length_s: float | None
    num_steps: int
    steps: Iterator[Mapping[str, Tensor]]


def file_parts(
    stream: Stream,
    paths: Sequence[Path],
    reader: ClipReader,
    normalisation: Normalisation,
    unread: Callable[[str, ColliculusError], None] | None = None,
) -> Iterator[Stretch]:
    """The clips of files or folders, one after the other; a recording longer than a window has several parts.

    What is left at the end and shorter than half a window is left out, unless it is all there is.

    Args:
        stream: the stream.
        paths: files or folders.
        reader: reader of such files.
        normalisation: that of the training.
        unread: gets the name of a clip that cannot be read, or read on, and the reason; the next clip follows. None
            raises the reason.

    Raises:
        ColliculusError: a path does not exist, no clip can be read at all, or one cannot and `unread` is None.
    """
    length_s, begun = _window_s(reader), False
    clips = reader.group(files_of(paths, reader.knows)[0])
    for name, clip in clips.items():
        try:
            for start_s in _starts(clip, length_s):
                inputs = _inputs(stream, _read(reader, clip, start_s, length_s), normalisation)
                begun_s, begun = start_s or 0.0 if length_s else None, True
                yield Stretch(name, begun_s, length_s, num_steps(stream, inputs), by_step(stream, inputs))
        except ColliculusError as error:
            if unread is None or not (begun or clips.keys() - {name}):
                raise
            unread(name, error)
    if not begun:
        raise ColliculusError(f"none of the {len(clips)} clips could be read: give other files")


def _inputs(
    stream: Stream, arrays: Mapping[str, NDArray[np.float32]], normalisation: Normalisation
) -> Mapping[str, Tensor]:
    """The arrays of a clip as the stream takes them.

    Raises:
        ColliculusError: the clip has no modality of the model, or arrays of another shape.
    """
    given = {m: x[None] for m, x in arrays.items() if m in stream.model.modalities}
    if not given:
        raise ColliculusError(f"the clip has no modality of the model: give {' or '.join(stream.model.modalities)}")
    inputs = standard_batch(given, np.zeros(1, dtype=np.int64), normalisation).inputs
    stream.frames.check(inputs, batch=1)
    for m, x in inputs.items():
        check_time_first(m, x, stream.model.spec.steps.get(m) if stream.takes_clips else None)
    return inputs


def num_steps(stream: Stream, inputs: Mapping[str, Tensor]) -> int:
    """Steps that a stream takes for the inputs of a clip: T, or one for each frame where windows are no whole clips.

    Raises:
        ColliculusError: there is a step for each frame, and the modalities have different numbers of them.
    """
    moving = {m: len(x) for m, x in inputs.items() if x.ndim == 5}
    if stream.takes_clips or not moving:
        return stream.total
    if len(set(moving.values())) > 1:
        counts = " and ".join(f"{count} of {m}" for m, count in moving.items())
        raise ColliculusError(f"a clip has {counts}, and every step takes one of each: leave out `carry`")
    return next(iter(moving.values()))


def by_step(stream: Stream, inputs: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The inputs of one clip, (1, C, H, W) or (T', 1, C, H, W), step by step as a stream takes them.

    Static inputs come with the first step; where windows are shorter than a clip, overlap or have no end, with every
    step.
    """
    places = dict.fromkeys(inputs, 0)
    for done in range(num_steps(stream, inputs)):
        frames: dict[str, Tensor] = {}
        for m, x in inputs.items():
            if x.ndim == 4:
                frames |= {} if done and stream.takes_clips else {m: x}
            elif due := 1 if not stream.takes_clips else stream.frames.due(m, done):
                frames[m] = x[places[m] : places[m] + due]
                places[m] += due
        yield frames


def _window_s(reader: ClipReader) -> float | None:
    """Seconds that a clip of these storages covers; None where a whole file is one clip."""
    storages = reader.storages.values() if isinstance(reader, StorageReader) else ()
    lengths = [storage.duration_s for storage in storages if isinstance(storage, Sound | StoredFrames)]
    return max((length for length in lengths if length), default=None)


def _starts(clip: Clip, length_s: float | None) -> Iterator[float | None]:
    """Starts of the windows of a clip in seconds; None if it is one window."""
    files = [file for file in clip.files if kind_of(file) in ("sound", "container")] if length_s else []
    whole_s = max((apart(str(file), media_length_s, file) for file in files), default=0.0)
    if length_s is None or whole_s < 1.5 * length_s:
        yield None
        return
    number = 0
    while whole_s - number * length_s >= length_s / 2:
        yield number * length_s
        number += 1


def _read(
    reader: ClipReader, clip: Clip, start_s: float | None, length_s: float | None
) -> Mapping[str, NDArray[np.float32]]:
    if not isinstance(reader, StorageReader):  # it decodes no media, and knows no time
        return reader.read(clip)
    end_s = None if start_s is None or length_s is None else start_s + length_s
    return apart(", ".join(str(file) for file in clip.files), reader.read, clip, start_s, end_s)
