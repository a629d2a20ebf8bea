"""Sound of audio and video files, by time stamps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from colliculus.files.checks import decoding
from colliculus.media.container import decoded_frames
from colliculus.media.lengths import codec_of, track_end_s
from colliculus.media.notes import note
from colliculus.media.window import Window
from colliculus.types import ColliculusError

MOST_SAMPLES = 2**27
"""Length of the longest sound that is read at once: 46 minutes at 48 kHz."""
_PREROLL_S = 0.5  # decode from this much earlier: after a seek, codecs need time to settle
_GAP_S = 0.1  # a longer hole in the sound track is silence; time stamps are rounded, so a shorter one may be none
_FULL = 0.9999  # samples from here on may be clipped
_RUN, _CLIPPED_SHARE = 3, 0.001  # they are if so many follow one another, and so many of all samples do
_CHECK_HZ = 48_000  # the most frequent rate, so that little is resampled
_CANCELLED = 0.01  # share of the power of the channels that their mean keeps, below which they cancel one another


def read_sound(path: Path, window: Window, sample_rate_hz: int) -> NDArray[np.float32]:
    """Read the sound of a window of an audio or video file; a hole in the track is silence.

    A file of floating-point samples beyond [-1, 1] is divided by its largest sample. Notes (`colliculus.media.notes`)
    say so, and name sounds that are damaged in part, cut short, clipped, silent, or whose channels cancel one another.

    Returns:
        (samples,), full scale is [-1, 1], the mean of the channels, from the start of the window to its end or the end
        of the file.

    Raises:
        ColliculusError: the file is missing, empty, damaged, a git-lfs pointer, has no sound, ends before the window
            starts, or has more than `MOST_SAMPLES` in the window.
    """
    with decoding(path):
        end_s = track_end_s(path, "audio", window)
        stated = max(round((window.last_s(end_s) - window.begin_s) * sample_rate_hz), 1)
        _check_length(path, stated)
        limit = stated if window.last_s(end_s) < end_s else None
        scale, found, parts = _full_scale(path), _Findings(path), list[tuple[int, NDArray[np.float32]]]()
        for at, chunk in _chunks(path, window.begin_s, sample_rate_hz):
            if limit is not None and at >= limit:
                break
            if len(part := chunk[max(-at, 0) : None if limit is None else limit - at]):
                _check_length(path, max(at, 0) + len(part))  # a track may go on for longer than its packets state
                part = part / np.float32(scale)
                found.add(part)
                parts.append((max(at, 0), part.mean(axis=1)))
        else:
            if not found.chunks:
                raise ColliculusError(f"{path} holds no sound: its sound track is empty; record or copy it again")
        waveform = _joined(parts, stated, round(_GAP_S * sample_rate_hz), limit)
        found.report()
        return waveform


def check_sound(path: Path) -> None:
    """Decode all sound of a file and note what is odd about it, in the memory of a moment.

    Raises:
        ColliculusError: as `read_sound`.
    """
    with decoding(path):
        track_end_s(path, "audio", Window())
        scale, found = _full_scale(path), _Findings(path)
        for _, chunk in _chunks(path, 0.0, _CHECK_HZ):
            found.add(chunk / np.float32(scale))
        if not found.chunks:
            raise ColliculusError(f"{path} holds no sound: its sound track is empty; record or copy it again")
        found.report()


def _check_length(path: Path, length: int) -> None:
    if length > MOST_SAMPLES:
        raise ColliculusError(f"{path} holds {length:,} samples of sound: choose a part of it by `start` and `end`")


def _joined(
    parts: Sequence[tuple[int, NDArray[np.float32]]], stated: int, gap: int, limit: int | None
) -> NDArray[np.float32]:
    """Parts at their positions, up to the `stated` end.

    Codecs fill up their last packet: a silence shorter than `gap` at the end is left out. Some do not state how long
    their packets are: sound that goes on for longer than `gap` is kept.
    """
    end = max((at + len(part) for at, part in parts), default=0)
    length = stated if limit is not None or stated < end <= stated + gap or end <= stated - gap else end
    waveform = np.zeros(max(length, 1), dtype=np.float32)
    for at, part in parts:
        waveform[at : at + len(part)] = part[: max(len(waveform) - at, 0)]
    return waveform


class _Findings:
    """Levels of the channels, which their mean no longer shows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.chunks = 0
        self._samples = self._clipped = 0
        self._power = self._mean_power = 0.0

    def add(self, chunk: NDArray[np.float32]) -> None:
        """Add a chunk (samples, channels)."""
        self.chunks += 1
        self._samples += chunk.size
        self._power += float(np.square(chunk, dtype=np.float64).mean(axis=1).sum())
        self._mean_power += float(np.square(chunk.mean(axis=1), dtype=np.float64).sum())
        full = np.abs(chunk) >= _FULL
        runs = full[_RUN - 1 :].copy()
        for earlier in range(_RUN - 1):
            runs &= full[earlier : len(full) - _RUN + 1 + earlier]
        self._clipped += int(np.count_nonzero(runs))

    def report(self) -> None:
        """Note what is odd about the channels.

        Raises:
            ColliculusError: a sample is not a number.
        """
        if not np.isfinite(self._power):
            raise ColliculusError(f"{self._path} holds samples that are not numbers: write the sound again")
        if not self._power:
            note("silent", f"{self._path} is silent")
        elif self._mean_power < _CANCELLED * self._power:
            note("opposite-phase", f"{self._path}: its channels cancel one another, their mean is nearly silent")
        if self._clipped > _CLIPPED_SHARE * self._samples:
            note("clipped", f"{self._path}: {self._clipped / self._samples:.1%} of its samples are clipped")


def _full_scale(path: Path) -> float:
    """Divisor of the samples: 1, or the largest one of a file of floating-point samples beyond 1."""
    status = path.stat()
    peak = _peak(path, status.st_size, status.st_mtime_ns)
    if peak > 1:
        note("beyond-full-scale", f"{path} holds samples up to {peak:.3g} and full scale is 1: divided by {peak:.3g}")
    return max(peak, 1.0)


@lru_cache(maxsize=16)  # a long file has many samples
def _peak(path: Path, _size: int, _modified_ns: int) -> float:
    """Largest sample of uncompressed floating-point sound; 0 for other codecs, whose decoders exceed 1 by rounding."""
    if not codec_of(path, "audio").startswith("pcm_f"):
        return 0.0
    chunks = (np.abs(frame.to_ndarray()) for _, frame in decoded_frames(path, "audio", 0.0))
    return max((float(chunk[np.isfinite(chunk)].max(initial=0.0)) for chunk in chunks), default=0.0)


def _chunks(path: Path, begin_s: float, sample_rate_hz: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Pieces of resampled sound (samples, channels), each with its position in samples from `begin_s`."""
    at: int | None = None
    resampler: _Resampler | None = None
    for stamp, frame in decoded_frames(path, "audio", begin_s - _PREROLL_S):
        if not isinstance(frame, av.AudioFrame):
            continue
        now = None if stamp is None else round((stamp - begin_s) * sample_rate_hz)
        if resampler is None or not resampler.takes(frame):  # a broadcast may change its channels
            for chunk in resampler.rest() if resampler is not None else ():
                yield at or 0, chunk
            resampler, at = _Resampler(path, frame, sample_rate_hz), None
        if at is None or (now is not None and now - at > _GAP_S * sample_rate_hz):
            at = round(-begin_s * sample_rate_hz) if now is None else now
        for chunk in resampler.resampled(frame):
            yield at, chunk
            at += len(chunk)
    for chunk in resampler.rest() if resampler is not None else ():
        yield at or 0, chunk


class _Resampler:
    """Resampling of frames of one format; interleaved, because PyAV reads at most 8 separate channels."""

    def __init__(self, path: Path, frame: av.AudioFrame, sample_rate_hz: int) -> None:
        self._path, self._kind = path, _kind(frame)
        self._resampler = av.AudioResampler(format="flt", rate=sample_rate_hz)

    def takes(self, frame: av.AudioFrame) -> bool:
        """True if the format of a frame is that of the first one."""
        return _kind(frame) == self._kind

    def resampled(self, frame: av.AudioFrame | None) -> list[NDArray[np.float32]]:
        """Chunks (samples, channels)."""
        try:
            pieces = self._resampler.resample(frame)
        except (FFmpegError, ValueError) as error:
            raise ColliculusError(
                f"{self._path} has {self._kind[2]} channels of sound that cannot be mixed: save it with one or two"
            ) from error
        return [piece.to_ndarray().reshape(-1, piece.layout.nb_channels).astype(np.float32) for piece in pieces]

    def rest(self) -> list[NDArray[np.float32]]:
        """Whatever the resampler still holds."""
        return self.resampled(None)


def _kind(frame: av.AudioFrame) -> tuple[str, int, int]:
    return frame.format.name, frame.sample_rate, frame.layout.nb_channels
