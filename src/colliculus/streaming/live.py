"""A camera and a microphone as a source (extra `live`): each window is recorded, and then given step by step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import count
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.prepare.storage import Frames as StoredFrames
from colliculus.corpus.prepare.storage import Sound
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.dataset import ClipReader, Normalisation
from colliculus.data.loading import standard_batch
from colliculus.media.resize import to_levels
from colliculus.media.window import Window
from colliculus.streaming.sources import Stretch, by_step, num_steps
from colliculus.streaming.stream import Stream
from colliculus.types import ColliculusError

_DEFAULT_S = 3.0
"""Seconds of a window where no storage states them."""


class Recorder(Protocol):
    """Records one window at a time."""

    def record(
        self, length_s: float, moments_s: Sequence[float], sample_rate_hz: int | None
    ) -> tuple[list[NDArray[np.uint8]], NDArray[np.float32]]:
        """Frames (H, W, 3), red first, at these moments, and the sound (samples), -1 to 1; no sound without a rate."""
        ...


class Devices:
    """A camera by its number, and the microphone that the system chooses.

    Raises:
        ColliculusError: the extra `live` is not installed, or there is no such camera.
    """

    def __init__(self, camera: int) -> None:
        try:
            cv2, self._sound = import_module("cv2"), import_module("sounddevice")
        except (ImportError, OSError) as error:  # OSError: the library of the sound card is missing
            raise ColliculusError(
                f"camera and microphone need opencv and sounddevice ({error}): pip install 'colliculus[live]'"
            ) from error
        self._blue_first = cv2.COLOR_BGR2RGB
        self._convert = cv2.cvtColor
        self._camera = cv2.VideoCapture(camera)
        if not self._camera.isOpened():
            raise ColliculusError(f"camera {camera} cannot be opened: choose another number, or close its other user")

    def record(
        self, length_s: float, moments_s: Sequence[float], sample_rate_hz: int | None
    ) -> tuple[list[NDArray[np.uint8]], NDArray[np.float32]]:
        """See `Recorder`."""
        sound = np.zeros((0, 1), np.float32)
        if sample_rate_hz:
            sound = self._sound.rec(round(length_s * sample_rate_hz), sample_rate_hz, channels=1, dtype="float32")
        begun, frames = time.monotonic(), list[NDArray[np.uint8]]()
        for moment in moments_s:
            while True:  # a camera keeps frames back: read on until the one of this moment comes
                read, frame = self._camera.read()
                if not read:
                    raise ColliculusError("the camera gives no more frames: connect it again")
                if time.monotonic() - begun >= moment:
                    break
            frames.append(self._convert(frame, self._blue_first))
        if sample_rate_hz:
            self._sound.wait()
        return frames, sound[:, 0]


def live_parts(
    stream: Stream, recorder: Recorder, reader: ClipReader, normalisation: Normalisation
) -> Iterator[Stretch]:
    """Windows from a camera and a microphone, without an end.

    Raises:
        ColliculusError: the run was trained on other kinds of data than images and sound, or on sounds of several
            sample rates.
    """
    storages = reader.storages if isinstance(reader, StorageReader) else {}
    storages = {m: storage for m, storage in storages.items() if m in stream.model.modalities}
    if not storages or not all(isinstance(storage, Sound | StoredFrames) for storage in storages.values()):
        raise ColliculusError(
            "this run was not trained on images and sound from files: give it files or standard input"
        )
    sounds = {m: storage for m, storage in storages.items() if isinstance(storage, Sound)}
    images = {m: storage for m, storage in storages.items() if isinstance(storage, StoredFrames)}
    lengths = [storage.duration_s for storage in (*sounds.values(), *images.values()) if storage.duration_s]
    length_s = max(lengths, default=_DEFAULT_S)
    rates_hz = {storage.spectrogram.sample_rate_hz for storage in sounds.values()}
    if len(rates_hz) > 1:
        raise ColliculusError(
            f"this run hears at {' and '.join(map(str, sorted(rates_hz)))} Hz, and a microphone records at one rate: "
            "give it files or standard input"
        )
    rate_hz = next(iter(rates_hz), None)
    window = Window(0.0, None, length_s)
    moments = {m: window.moments(storage.steps or 1, storage.rate_hz, length_s) for m, storage in images.items()}
    wanted = sorted({moment for each in moments.values() for moment in each})
    for number in count():
        frames, waveform = recorder.record(length_s, wanted, rate_hz)
        at = dict(zip(wanted, frames, strict=True))
        shown = {m: _shown(storage, [at[moment] for moment in moments[m]]) for m, storage in images.items()}
        heard = {m: _heard(storage, waveform) for m, storage in sounds.items()}
        given = {m: x[None] for m, x in {**shown, **heard}.items()}
        inputs = standard_batch(given, np.zeros(1, dtype=np.int64), normalisation).inputs
        steps = num_steps(stream, inputs)
        yield Stretch("live", number * length_s, length_s, steps, by_step(stream, inputs))


def _shown(storage: StoredFrames, frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Frames as the storage keeps those of a video."""
    levels = np.stack([to_levels(frame, storage.size, storage.channels) for frame in frames]).astype(np.float32)
    return levels[0] if storage.steps is None else levels


def _heard(storage: Sound, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """The spectrogram of a waveform, padded with silence, as the storage makes it."""
    samples = storage.samples or len(waveform)
    padded = np.zeros(samples, np.float32)
    padded[: len(waveform)] = np.clip(waveform[:samples], -1, 1)
    return storage.spectrogram(padded)
