"""Pictures and sound of given moments of a clip, by its time stamps; a long file never lies in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from colliculus.files.checks import decoding
from colliculus.media.reading import RATES_HZ, open_media
from colliculus.types import ColliculusError

_LACKING_S, _LACKING_SHARE = 0.5, 0.1  # how much less than it states a whole file may hold: stated lengths are rounded
_FAR_S = 2.0  # a moment later than this is sought; what lies before it is decoded in vain
_PREROLL_S = 0.5  # sound is decoded from so much earlier: after a jump, codecs need some of it to settle
_UNKNOWN_BYTES = 0xFFFFFFF0  # what writes to a pipe says so much, or nothing
_FRAME_S = 0.04  # from a frame without a time stamp to the next
_GAP_S = 0.1  # a hole in the sound track longer than this is silence; stamps are rounded, so less may be no hole


@dataclass(frozen=True)
class Window:
    """The moments of a file that are a sample.

    Args:
        start_s: where it begins; None: with the file.
        end_s: where it ends; None: with the file.
        duration_s: how much of it is wanted, from its start; None: all.
    """

    start_s: float | None = None
    end_s: float | None = None
    duration_s: float | None = None

    @property
    def begin_s(self) -> float:
        """Where it begins."""
        return self.start_s or 0.0

    def length_s(self, file_s: float) -> float:
        """How long it is in a file of that length, whether or not the file holds all of it."""
        if self.duration_s is not None:
            return self.duration_s
        return max((file_s if self.end_s is None else self.end_s) - self.begin_s, 0.0)

    def last_s(self, file_s: float) -> float:
        """Where what is wanted ends, and the file does not."""
        wanted = self.begin_s + self.length_s(file_s)
        return min(wanted, file_s, file_s if self.end_s is None else self.end_s)

    def moments(self, count: int, rate_hz: float | None, file_s: float) -> list[float]:
        """The middles of `count` equal parts of it, or its start and every 1 / `rate_hz` after it, in seconds.

        Example:
            >>> Window(1.0, 3.0).moments(2, None, file_s=9.0), Window(1.0).moments(2, 4.0, file_s=9.0)
            ([1.5, 2.5], [1.0, 1.25])
        """
        if rate_hz is None:
            offsets = [(i + 0.5) / count * self.length_s(file_s) for i in range(count)]
        else:
            offsets = [i / rate_hz for i in range(count)]
        end = np.nextafter(self.begin_s + self.length_s(file_s) if self.end_s is None else self.end_s, 0.0)
        return [min(self.begin_s + offset, float(end)) for offset in offsets]


def media_length_s(path: Path) -> float:
    """How long the longest track of a sound or video file is, by its packets, whatever its header says.

    Raises:
        ColliculusError: the file is missing, damaged or a git-lfs pointer, or ends well before it says.
    """
    with decoding(path):
        ends = _ends(path)
    return max(ends.values(), default=0.0)


def read_pictures(path: Path, window: Window, *, count: int, rate_hz: float | None) -> list[NDArray[np.uint8]]:
    """The pictures that a video shows at `count` moments of a window; before its first frame, and after its last, that.

    Returns:
        `count` arrays (H, W, 3), red, green, blue in 0..255; equal ones may be one array.

    Raises:
        ColliculusError: as `media_length_s`, or it holds no picture, or ends before the window begins.
    """
    with decoding(path):
        end = _track_end(path, "video", window)
        found = _shown(path, window.moments(count, rate_hz, end))
        arrays = {id(frame): frame.to_ndarray(format="rgb24") for frame in found}
        return [arrays[id(frame)].astype(np.uint8, copy=False) for frame in found]


def read_sound(path: Path, window: Window, sample_rate_hz: int) -> NDArray[np.float32]:
    """The sound of a window of an audio or video file, by its time stamps; a hole in the track is silence.

    Returns:
        (samples,), the mean of the channels, from the window's start as far as it reaches in the file.

    Raises:
        ColliculusError: as `media_length_s`, or it holds no sound, or ends before the window begins.
    """
    with decoding(path):
        end = _track_end(path, "audio", window)
        length = max(round((window.last_s(end) - window.begin_s) * sample_rate_hz), 1)
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


def _track_end(path: Path, track: str, window: Window) -> float:
    """Where the picture or the sound ends, in seconds."""
    ends, kind = _ends(path), "sound" if track == "audio" else "picture"
    if track not in ends:
        raise ColliculusError(f"{path} holds no {kind}: give a file with a {kind} track")
    if window.begin_s and window.begin_s >= ends[track]:
        raise ColliculusError(
            f"{path} ends at {ends[track]:.3f} s and the sample begins at {window.begin_s:g} s: mend `start`"
        )
    return ends[track]


def _ends(path: Path) -> dict[str, float]:
    status = path.stat()
    return _ends_of(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)  # picture and sound of one file, and the many samples of a long one, need it but once
def _ends_of(path: Path, size: int, _modified_ns: int) -> dict[str, float]:
    """Where each kind of track ends, in seconds from the start of the file."""
    with open_media(path) as container:
        origin, stated = _origin(container), (container.duration or 0) / av.time_base
        ends = {s.type: 0.0 for s in container.streams if s.type in ("audio", "video")}
        last: dict[str, float] = {}
        for packet in container.demux():
            kind = packet.stream.type
            if kind in ends and packet.pts is not None:
                now = float(packet.pts * packet.time_base) - origin
                # where a container does not say how long a packet lasts, it lasts as long as the one before it did
                lasts = float((packet.duration or 0) * packet.time_base) or max(now - last.get(kind, now), 0.0)
                ends[kind], last[kind] = max(ends[kind], now + lasts), now
    found = max(ends.values(), default=0.0)
    if stated - found > max(_LACKING_S, _LACKING_SHARE * stated):
        raise ColliculusError(
            f"{path} states a length of {stated:.1f} s and holds {found:.1f} s: copy or download it again"
        )
    if (told := _riff_bytes(path)) > size:
        raise ColliculusError(f"{path} states {told} bytes and holds {size}: copy or download it again")
    return ends


def _riff_bytes(path: Path) -> int:
    """How long a .wav or .avi says it is, of which FFmpeg takes what it gets; 0 where it does not say."""
    with path.open("rb") as file:
        head = file.read(8)
    told = int.from_bytes(head[4:8], "little")
    return told + 8 if head[:4] == b"RIFF" and told < _UNKNOWN_BYTES else 0


def _origin(container: InputContainer) -> float:
    """The time stamp, in seconds, of where its first track begins."""
    return (container.start_time or 0) / av.time_base


def _shown(path: Path, moments: Sequence[float]) -> list[av.VideoFrame]:
    """The frame on the screen at each of the ascending moments."""
    found: list[av.VideoFrame] = []
    shown: av.VideoFrame | None = None
    for time, frame in _frames(path, moments[0]):
        while shown is not None and len(found) < len(moments) and time > moments[len(found)]:
            found.append(shown)
        if len(found) == len(moments):
            break
        shown = frame
    if shown is None:
        raise ColliculusError(f"{path} holds no picture: its picture track is empty; record or copy it again")
    return found + [shown] * (len(moments) - len(found))


def _frames(path: Path, first_s: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """Frames, and when each is shown; one without a time stamp follows the one before it."""
    now, step = 0.0, _FRAME_S
    for number, (stamp, frame) in enumerate(_decoded(path, "video", first_s)):
        now = (now + step if number else 0.0) if stamp is None else stamp
        if isinstance(frame, av.VideoFrame):
            yield now, frame


def _chunks(path: Path, begin_s: float, sample_rate_hz: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Resampled sound, and where in samples from `begin_s` each piece of it stands."""
    at: int | None = None
    resampler = av.AudioResampler(format="fltp", rate=sample_rate_hz)
    for stamp, frame in _decoded(path, "audio", begin_s - _PREROLL_S):
        now = None if stamp is None else round((stamp - begin_s) * sample_rate_hz)
        if at is None or (now is not None and now - at > _GAP_S * sample_rate_hz):
            at = round(-begin_s * sample_rate_hz) if now is None else now
        for piece in resampler.resample(frame) if isinstance(frame, av.AudioFrame) else ():
            chunk = piece.to_ndarray().mean(axis=0)
            yield at, chunk
            at += len(chunk)
    for piece in resampler.resample(None) if at is not None else ():  # what the resampler still holds
        yield at or 0, piece.to_ndarray().mean(axis=0)


def _decoded(
    path: Path, track: Literal["audio", "video"], from_s: float
) -> Iterator[tuple[float | None, av.AudioFrame | av.VideoFrame]]:
    """What a track holds with its time stamps; from a far moment on, if the file lets itself be sought in."""
    for seek in (True, False) if from_s > _FAR_S else (False,):
        with open_media(path) as container:
            origin, stream = _origin(container), container.streams.get({track: 0})[0]
            if isinstance(stream, AudioStream) and stream.rate not in RATES_HZ:
                raise ColliculusError(f"{path} states a sample rate of {stream.rate} Hz: copy or download it again")
            if seek and not _sought(container, from_s + origin):
                continue
            frames = (f for f in container.decode(stream) if isinstance(f, av.AudioFrame | av.VideoFrame))
            first = next(frames, None)
            if seek and (first is None or first.time is None or first.time - origin > from_s):
                continue  # the jump went too far
            for frame in itertools.chain([] if first is None else [first], frames):
                yield None if frame.time is None else frame.time - origin, frame
            return


def _sought(container: InputContainer, time_s: float) -> bool:
    try:
        container.seek(round(time_s * av.time_base))
    except (FFmpegError, OSError):
        return False
    return True
