"""Audio and video files as FFmpeg sees them: tracks, their lengths, and frames with time stamps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from colliculus.files.checks import decoding
from colliculus.media.window import Window
from colliculus.types import ColliculusError

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac"})
VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".flv", ".webm", ".mov", ".m4v", ".mpg", ".mpeg", ".wmv", ".gif"})

Track = Literal["audio", "video"]

_RATES_HZ = range(1000, 1_000_001)  # a damaged header may state others: resampling would take all memory, or ages
_LACKING_S, _LACKING_SHARE = 0.5, 0.1  # a whole file may be this much shorter than stated: stated lengths are rounded
_FAR_S = 2.0  # seek to moments later than this; whatever lies before a moment is decoded in vain
_UNKNOWN_BYTES = 0xFFFFFFF0  # a RIFF length from here on means that the writer did not know it


def tracks(path: Path) -> set[str]:
    """Which of "audio" and "video" an audio or video file contains.

    Raises:
        ColliculusError: the file is missing, empty, damaged or a git-lfs pointer.
    """
    with decoding(path), open_media(path) as container:
        return {stream.type for stream in container.streams} & {"audio", "video"}


def open_media(path: Path) -> InputContainer:
    """Open an audio or video file; for use inside `decoding`."""
    # an absolute path, lest FFmpeg take "data:clip.mp4" for a protocol; and a file may refer to nothing but files
    return av.open(str(path.absolute()), options={"protocol_whitelist": "file"})


def media_length_s(path: Path) -> float:
    """Length of the longest track, measured from the packets, whatever the header states.

    Raises:
        ColliculusError: the file is missing, damaged or a git-lfs pointer, or ends well before its stated length.
    """
    with decoding(path):
        return max(_ends_s(path).values(), default=0.0)


def track_end_s(path: Path, track: Track, window: Window) -> float:
    """End of a track in seconds, checked against the start of a window; for use inside `decoding`.

    Raises:
        ColliculusError: there is no such track, it ends before the window starts, or well before its stated length.
    """
    ends_s, content = _ends_s(path), "sound" if track == "audio" else "images"
    if track not in ends_s:
        raise ColliculusError(
            f"{path} holds no {content}: give a file with {'an' if track == 'audio' else 'a'} {track} track"
        )
    if window.begin_s and window.begin_s >= ends_s[track]:
        raise ColliculusError(
            f"{path} ends at {ends_s[track]:.3f} s and the sample begins at {window.begin_s:g} s: fix `start`"
        )
    return ends_s[track]


def decoded_frames(
    path: Path, track: Track, from_s: float
) -> Iterator[tuple[float | None, av.AudioFrame | av.VideoFrame]]:
    """Decoded frames with their time stamps, from `from_s` or earlier; for use inside `decoding`."""
    for seek in (True, False) if from_s > _FAR_S else (False,):
        with open_media(path) as container:
            origin_s, stream = _origin_s(container), container.streams.get({track: 0})[0]
            if isinstance(stream, AudioStream) and stream.rate not in _RATES_HZ:
                raise ColliculusError(f"{path} states a sample rate of {stream.rate} Hz: copy or download it again")
            if seek:
                try:
                    container.seek(round((from_s + origin_s) * av.time_base))
                except (FFmpegError, OSError):
                    continue
            frames = (f for f in container.decode(stream) if isinstance(f, av.AudioFrame | av.VideoFrame))
            first = next(frames, None)
            if seek and (first is None or first.time is None or first.time - origin_s > from_s):
                continue  # the seek went too far
            for frame in itertools.chain([] if first is None else [first], frames):
                yield None if frame.time is None else frame.time - origin_s, frame
            return


def _ends_s(path: Path) -> dict[str, float]:
    status = path.stat()
    return _ends_of(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)  # the images and the sound of a file need it, and so do the many samples of a long file
def _ends_of(path: Path, size: int, _modified_ns: int) -> dict[str, float]:
    """End of each kind of track, in seconds from the start of the file."""
    with open_media(path) as container:
        origin_s, stated_s = _origin_s(container), (container.duration or 0) / av.time_base
        ends_s = {s.type: 0.0 for s in container.streams if s.type in ("audio", "video")}
        last_s: dict[str, float] = {}
        for packet in container.demux():
            kind = packet.stream.type
            if kind in ends_s and packet.pts is not None:
                now = float(packet.pts * packet.time_base) - origin_s
                # a packet of unknown duration lasts as long as the one before it
                lasts = float((packet.duration or 0) * packet.time_base) or max(now - last_s.get(kind, now), 0.0)
                ends_s[kind], last_s[kind] = max(ends_s[kind], now + lasts), now
    found_s = max(ends_s.values(), default=0.0)
    if stated_s - found_s > max(_LACKING_S, _LACKING_SHARE * stated_s):
        raise ColliculusError(
            f"{path} states a length of {stated_s:.1f} s and holds {found_s:.1f} s: copy or download it again"
        )
    if (stated := _riff_bytes(path)) > size:
        raise ColliculusError(f"{path} states {stated} bytes and holds {size}: copy or download it again")
    return ends_s


def _riff_bytes(path: Path) -> int:
    """Stated length of a .wav or .avi, of which FFmpeg reads what is there; 0 where none is stated."""
    with path.open("rb") as file:
        head = file.read(8)
    stated = int.from_bytes(head[4:8], "little")
    return stated + 8 if head[:4] == b"RIFF" and stated < _UNKNOWN_BYTES else 0


def _origin_s(container: InputContainer) -> float:
    """Time stamp of the start of the first track, in seconds."""
    return (container.start_time or 0) / av.time_base
