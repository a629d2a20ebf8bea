"""Settings by which the page reads files, as plain values for its script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.storage_reader import StorageReader
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.media.spectrogram import mel_filterbank
from colliculus.types import ColliculusError

ARRAY: Mapping[str, Any] = {"kind": "array"}
"""A modality that the page reads from .npy files alone."""
SECONDS = 2.0
"""Length of a recording where the data have no fixed one."""


def reading_of(run: TrainedRun) -> dict[str, dict[str, Any]]:
    """How each modality of a run is read from a file: sound, pictures, or raw values in a .npy file.

    Args:
        run: the run.
    """
    try:
        reader = run.run.reader()
    except ColliculusError:  # such data have no files
        reader = None
    storages: Mapping[str, Storage] = reader.storages if isinstance(reader, StorageReader) else {}
    return {m: _plain(storages.get(m)) for m in run.model.modalities}


def _plain(storage: Storage | None) -> dict[str, Any]:
    if type(storage) is Sound:
        spectrogram = storage.spectrogram
        filters = None
        if spectrogram.scale == "mel":
            of = spectrogram.sample_rate_hz, spectrogram.n_fft, spectrogram.num_mels
            filters = mel_filterbank(*of).tolist()
        return {
            "kind": "sound",
            "sample_rate_hz": spectrogram.sample_rate_hz,
            "n_fft": spectrogram.n_fft,
            "hop": spectrogram.hop,
            "filters": filters,
            "size": spectrogram.size,
            "steps": spectrogram.steps,
            "duration_s": storage.duration_s,
            "whole_levels": storage.kind == "waveform" and storage.bits == 16,
        }
    if type(storage) is Frames:
        return {
            "kind": "frames",
            "size": storage.size,
            "channels": storage.channels,
            "steps": storage.steps,
            "rate_hz": storage.rate_hz,
            "duration_s": storage.duration_s,
        }
    return dict(ARRAY)


def files_sentence(reading: Mapping[str, Mapping[str, Any]]) -> str:
    """The files that the page takes, in words.

    Example:
        >>> files_sentence({"audio": {"kind": "sound"}, "lidar": {"kind": "array"}})
        'audio: a sound or video; lidar: an array CLIP.lidar.npy'
    """
    words = {"sound": "a sound or video", "frames": "an image, animation or video"}
    return "; ".join(f"{m}: {words.get(s['kind'], f'an array CLIP.{m}.npy')}" for m, s in reading.items())


def seconds_of(reading: Mapping[str, Mapping[str, Any]]) -> float:
    """Length of a recording.

    Example:
        >>> seconds_of({"audio": {"kind": "sound", "duration_s": 3.0}}), seconds_of({"lidar": {"kind": "array"}})
        (3.0, 2.0)
    """
    return max((s["duration_s"] for s in reading.values() if s.get("duration_s")), default=SECONDS)
