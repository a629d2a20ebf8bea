"""Storage of one modality of a sample: an array of fixed shape and type, whatever its file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.sample import Sample
from colliculus.media.kinds import AUDIO_SUFFIXES, IMAGE_SUFFIXES, VIDEO_SUFFIXES, Track
from colliculus.media.pictures import read_pictures
from colliculus.media.resize import to_levels
from colliculus.media.sound import read_sound
from colliculus.media.spectrogram import Spectrogram
from colliculus.media.window import Window
from colliculus.types import ColliculusError


class Storage(Protocol):
    """Reads a file as one row of an array; a frozen keyword-only dataclass of plain settings."""

    suffixes: ClassVar[frozenset[str]]
    """Suffixes of the files that may hold the modality."""
    track: ClassVar[Track | None]
    """Track of a video that holds it; None: videos do not hold it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C, H, W), (T, C, H, W), or (samples,) for a waveform."""
        ...

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the numbers."""
        ...

    @property
    def in_words(self) -> str:
        """Words for the part of each file that is kept, without the shape, such as "the middle frame of each clip"."""
        ...

    def read(self, path: Path, sample: Sample) -> NDArray[np.generic]:
        """Read the modality of one sample.

        Args:
            path: the file, followed by "::ENTRY" if the sample names an entry.
            sample: the sample, for the seconds at which it begins and ends.

        Raises:
            ColliculusError: the file is missing, damaged, or lacks the modality; the message names the file.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Frames of a video, or a still image, as bytes: (C, H, W), or (steps, C, H, W) if `steps` is set.

    Frames are chosen by the time stamps of the video: those shown in the middles of `steps` equal parts of the sample
    (None: one part, so the middle frame), or with `rate_hz` those shown at its start and every 1 / `rate_hz` seconds
    after it. The last frame of a shorter clip is repeated. A still image is shown at all times; animated WebP, PNG and
    AVIF, and TIFF of several pages, are read as videos. Frames are upright, as a player shows them.

    Raises:
        ColliculusError: a setting is out of range.

    Example:
        >>> Frames(size=(48, 48), steps=4).shape
        (4, 3, 48, 48)
    """

    suffixes: ClassVar[frozenset[str]] = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    track: ClassVar[Track | None] = "video"

    size: tuple[int, int] = (128, 128)
    """Height and width that frames are stretched to."""
    channels: Literal[1, 3] = 3
    """3: red, green, blue; 1: brightness."""
    steps: int | None = None
    """Number of frames of a sequence; None: one image."""
    rate_hz: float | None = None
    """Frames per second of the sequence, from the start of the sample; None: spread evenly over the sample."""
    duration_s: float | None = None
    """Seconds of the sample that are used, from its start; None: all. Equal to that of the sound, moments match."""

    def __post_init__(self) -> None:
        numbers = [*self.size, 1 if self.steps is None else self.steps]
        if min(numbers) < 1 or self.channels not in (1, 3):
            raise ColliculusError("`size` and `steps` of the frames must be at least 1, and `channels` 1 or 3")
        if any(number is not None and number <= 0 for number in (self.rate_hz, self.duration_s)):
            raise ColliculusError("`rate_hz` and `duration_s` of the frames must be above 0")
        if self.rate_hz and self.steps is None:
            raise ColliculusError("`rate_hz` of the frames needs `steps`: how many of them to take")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (C, H, W) or (steps, C, H, W)."""
        return (*(() if self.steps is None else (self.steps,)), self.channels, *self.size)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type uint8."""
        return np.dtype(np.uint8)

    @property
    def in_words(self) -> str:
        """See `Storage.in_words`."""
        if self.steps is None:
            return f"the middle frame of {_span(self.duration_s)}"
        if self.rate_hz is None:
            return f"{self.steps} frames, evenly spread over {_span(self.duration_s)}"
        return f"{self.steps} frames, {self.rate_hz:g} a second from the start of each clip"

    def read(self, path: Path, sample: Sample) -> NDArray[np.generic]:
        """See `Storage.read`."""
        window = Window(sample.start_s, sample.end_s, self.duration_s)
        shown = read_pictures(path, window, count=self.steps or 1, rate_hz=self.rate_hz)
        frames = {id(frame): to_levels(frame, self.size, self.channels) for frame in shown}
        found = [frames[id(frame)] for frame in shown]
        return found[0] if self.steps is None else np.stack(found)


@dataclass(frozen=True, kw_only=True)
class Sound:
    """Sound of one length, cut or padded with silence: a spectrogram or a waveform.

    If the spectrogram has `steps`, each of its parts covers the moments of one frame of `Frames` with as many `steps`
    and the same `duration_s`.

    Raises:
        ColliculusError: a setting is out of range.

    Example:
        >>> Sound(spectrogram=Spectrogram(size=(64, 64), steps=4)).shape
        (4, 1, 64, 64)
        >>> Sound(kind="waveform").shape
        (66150,)
    """

    suffixes: ClassVar[frozenset[str]] = AUDIO_SUFFIXES | VIDEO_SUFFIXES
    track: ClassVar[Track | None] = "audio"

    kind: Literal["spectrogram", "waveform"] = "spectrogram"
    """Store the spectrogram, or the waveform from which it is computed for each batch (needed by augmentation)."""
    spectrogram: Spectrogram = field(default_factory=Spectrogram)
    """Settings of the spectrogram."""
    duration_s: float | None = 3.0
    """Seconds of sound, from the start of the sample; None (spectrograms only): the whole sample."""
    bits: Literal[16, 32] = 16
    """Bits of a stored waveform: 16, integers as in most files, or 32, floating point."""

    def __post_init__(self) -> None:
        if self.duration_s is None and self.kind == "waveform":
            raise ColliculusError("a stored waveform needs `duration_s`, because all rows have the same length: set it")
        if self.duration_s is not None and (not self.duration_s > 0 or self.samples < 1):
            raise ColliculusError("`duration_s` of the sound must be above 0 and long enough for one sample")

    @property
    def samples(self) -> int:
        """Length of the waveform; 0 if every sample has its own."""
        return round((self.duration_s or 0) * self.spectrogram.sample_rate_hz)

    @property
    def spectrogram_shape(self) -> tuple[int, ...]:
        """Shape of the spectrogram that a model sees, (1, H, W) or (steps, 1, H, W)."""
        steps = self.spectrogram.steps
        return (*(() if steps is None else (steps,)), 1, *self.spectrogram.size)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (1, H, W), (steps, 1, H, W) or (samples,)."""
        return (self.samples,) if self.kind == "waveform" else self.spectrogram_shape

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type float32, or int16 for a waveform of 16 bits."""
        return np.dtype(np.int16 if self.kind == "waveform" and self.bits == 16 else np.float32)

    @property
    def in_words(self) -> str:
        """See `Storage.in_words`."""
        steps = self.spectrogram.steps
        parts = "the spectrogram" if steps is None else f"{steps} spectrograms, one after another,"
        return f"{parts} of {_span(self.duration_s)}"

    def read(self, path: Path, sample: Sample) -> NDArray[np.generic]:
        """See `Storage.read`."""
        window = Window(sample.start_s, sample.end_s, self.duration_s)
        sound = read_sound(path, window, self.spectrogram.sample_rate_hz)
        samples = self.samples or len(sound)
        waveform = np.zeros(samples, dtype=np.float32)
        waveform[: len(sound)] = np.clip(sound[:samples], -1, 1)
        if self.kind == "spectrogram":
            return self.spectrogram(waveform)
        return waveform if self.bits == 32 else np.rint(waveform * _FULL_SCALE).astype(np.int16)

    def spectrograms(self, waveforms: NDArray[np.generic]) -> NDArray[np.float32]:
        """Spectrograms of stored waveforms (B, samples): (B, 1, H, W) or (B, steps, 1, H, W)."""
        return self.spectrogram.batch(as_waveforms(waveforms))


def _span(duration_s: float | None) -> str:
    return "each whole clip" if duration_s is None else f"the first {duration_s:g} s of each clip"


_FULL_SCALE = 32767  # largest number of 16 bits


def as_waveforms(stored: NDArray[np.generic]) -> NDArray[np.float32]:
    """Stored waveforms (..., samples) as numbers between -1 and 1.

    Example:
        >>> as_waveforms(np.array([0, 32767], dtype=np.int16)).tolist()
        [0.0, 1.0]
    """
    values = stored.astype(np.float32)
    return values / np.float32(_FULL_SCALE) if stored.dtype == np.int16 else values
