"""Sound of audio and video files, by time stamps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from colliculus.files.checks import decoding
from colliculus.media.container import decoded_frames, track_end_s
from colliculus.media.window import Window
from colliculus.types import ColliculusError

MOST_SAMPLES = 2**27
"""Length of the longest sound that is read at once: 46 minutes at 48 kHz."""
_PREROLL_S = 0.5  # decode from this much earlier: after a seek, codecs need time to settle
_GAP_S = 0.1  # a longer hole in the sound track is silence; time stamps are rounded, so a shorter one may be none


def read_sound(path: Path, window: Window, sample_rate_hz: int) -> NDArray[np.float32]:
    """Read the sound of a window of an audio or video file; a hole in the track is silence.

    Returns:
        (samples,), full scale is [-1, 1], the mean of the channels, from the start of the window to its end or the end
        of the file.

    Raises:
        ColliculusError: the file is missing, empty, damaged, a git-lfs pointer, ends well before its stated length, has
            no sound, or ends before the window starts.
    """
    with decoding(path):
        end_s = track_end_s(path, "audio", window)
        length = max(round((window.last_s(end_s) - window.begin_s) * sample_rate_hz), 1)
        if length > MOST_SAMPLES:
            raise ColliculusError(f"{path} holds {length:,} samples of sound: choose a part of it by `start` and `end`")
        waveform = np.zeros(length, dtype=np.float32)
        decoded = False
        for at, chunk in _chunks(path, window.begin_s, sample_rate_hz):
            decoded = True
            if at >= length:
                break
            part = chunk[max(-at, 0) : length - at]
            waveform[max(at, 0) : max(at, 0) + len(part)] = part
        if not decoded:
            raise ColliculusError(f"{path} holds no sound: its sound track is empty; record or copy it again")
        if not np.isfinite(waveform).all():
            raise ColliculusError(f"{path} holds samples that are not numbers: write the sound again")
        return waveform


def _chunks(path: Path, begin_s: float, sample_rate_hz: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Pieces of resampled sound, each with its position in samples from `begin_s`."""
    at: int | None = None
    resampler = av.AudioResampler(format="fltp", rate=sample_rate_hz)
    for stamp, frame in decoded_frames(path, "audio", begin_s - _PREROLL_S):
        now = None if stamp is None else round((stamp - begin_s) * sample_rate_hz)
        if at is None or (now is not None and now - at > _GAP_S * sample_rate_hz):
            at = round(-begin_s * sample_rate_hz) if now is None else now
        for piece in resampler.resample(frame) if isinstance(frame, av.AudioFrame) else ():
            chunk = piece.to_ndarray().mean(axis=0)
            yield at, chunk
            at += len(chunk)
    for piece in resampler.resample(None) if at is not None else ():  # flush the resampler
        yield at or 0, piece.to_ndarray().mean(axis=0)
