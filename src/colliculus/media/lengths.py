"""Lengths of audio and video files: measured from the packets, and compared with what the header states."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
from av.container import InputContainer

from colliculus.files.checks import decoding
from colliculus.media.container import contents, open_media, origin_s, packets_of
from colliculus.media.kinds import Track
from colliculus.media.notes import note
from colliculus.media.window import Window
from colliculus.types import ColliculusError

_LACKING_S, _LACKING_SHARE = 0.5, 0.1  # a whole file may be this much shorter than stated: stated lengths are rounded
_PLACEHOLDER = 0x7FFF0000  # RIFF lengths from here on are written by programs that do not know the length
_RIFF_SLACK = 128  # bytes; browsers count their header twice
_EXACT = frozenset({"mov", "matroska", "webm", "avi", "flv", "asf", "flac", "aiff", "caf", "au", "w64"})
"""Formats whose headers state a length that the writer knew. That of others is estimated from the first packets."""
_HEAD = 1 << 16  # bytes in which the first frame of an .mp3 is searched


def media_length_s(path: Path) -> float:
    """Length of the longest track, measured from the packets, whatever the header states.

    Raises:
        ColliculusError: the file is missing, damaged or a git-lfs pointer.
    """
    with decoding(path):
        return max(_measured(path).ends_s.values(), default=0.0)


def track_end_s(path: Path, track: Track, window: Window) -> float:
    """End of a track in seconds, checked against the start of a window; for use inside `decoding`.

    Raises:
        ColliculusError: there is no such track, or it ends before the window starts.
    """
    measured, content = _measured(path), "sound" if track == "audio" else "images"
    if track not in measured.ends_s:
        raise ColliculusError(
            f"{path} holds no {content}: give a file with {'an' if track == 'audio' else 'a'} {track} track"
        )
    end_s = measured.ends_s[track]
    if window.begin_s and window.begin_s >= end_s:
        raise ColliculusError(
            f"{path} ends at {end_s:.3f} s and the sample begins at {window.begin_s:g} s: fix `start`"
        )
    found_s = max(measured.ends_s.values())
    if measured.stated_s - found_s > max(_LACKING_S, _LACKING_SHARE * measured.stated_s):
        note("cut-short", f"{path} states a length of {measured.stated_s:.1f} s and holds {found_s:.1f} s")
    elif measured.stated_bytes - measured.held_bytes > max(_RIFF_SLACK, _LACKING_SHARE * measured.stated_bytes):
        note("cut-short", f"{path} states {measured.stated_bytes} bytes and holds {measured.held_bytes}")
    return end_s


def codec_of(path: Path, track: Track) -> str:
    """Name of the codec of a track, "" without it; for use inside `decoding`."""
    return _measured(path).codecs.get(track, "")


@dataclass(frozen=True)
class _Measured:
    """Ends of the tracks in seconds, and what the header states: 0 where it states nothing, or not exactly."""

    codecs: dict[Track, str]
    ends_s: dict[Track, float]
    stated_s: float
    stated_bytes: int
    held_bytes: int


def _measured(path: Path) -> _Measured:
    status = path.stat()
    return _measure(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)  # the images and the sound of a file need it, and so do the many samples of a long file
def _measure(path: Path, size: int, _modified_ns: int) -> _Measured:
    with open_media(path) as container:
        streams, start_s = contents(container), origin_s(container)
        ends_s: dict[Track, float] = dict.fromkeys(streams, 0.0)
        last_s: dict[Track, float] = {}
        kinds: dict[int, Track] = {stream.index: track for track, stream in streams.items()}
        number = 0
        for packet in packets_of(container, list(streams.values())):
            if packet is not None and packet.pts is not None:
                number += 1
                track, now = kinds[packet.stream.index], float(packet.pts * packet.time_base) - start_s
                # a packet of unknown duration lasts as long as the one before it
                lasts = float((packet.duration or 0) * packet.time_base) or max(now - last_s.get(track, now), 0.0)
                ends_s[track], last_s[track] = max(ends_s[track], now + lasts), now
        # a single frame, however long it stays, has no length
        stated_s = _stated_s(path, container) if number > 1 else 0.0
    codecs: dict[Track, str] = {track: stream.codec_context.name for track, stream in streams.items()}
    return _Measured(codecs, ends_s, stated_s, *_riff_bytes(path, size))


def _stated_s(path: Path, container: InputContainer) -> float:
    """Length that the header states exactly; 0: none."""
    names = set(container.format.name.split(","))
    if "mp3" in names:
        return _mp3_s(path, container)
    return (container.duration or 0) / av.time_base if names & _EXACT else 0.0


def _mp3_s(path: Path, container: InputContainer) -> float:
    """Length by the number of frames in the first one (Xing, Info); without it, FFmpeg estimates by the bit rate."""
    with path.open("rb") as file:
        tag = re.search(rb"(?:Xing|Info)\0\0\0([\x01-\x0f])(.{4})", file.read(_HEAD), re.DOTALL)
    sound = contents(container).get("audio")
    if tag is None or not tag[1][0] & 1 or not isinstance(sound, av.AudioStream) or not sound.rate:
        return 0.0
    return int.from_bytes(tag[2], "big") * (1152 if sound.rate >= 32_000 else 576) / sound.rate


def _riff_bytes(path: Path, size: int) -> tuple[int, int]:
    """Stated and held bytes of the samples of a .wav, or of a whole .avi; 0 stated: the writer did not know."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] not in (b"WAVE", b"AVI "):
            return 0, size
        stated, at = int.from_bytes(head[4:8], "little"), 8
        while head[8:] == b"WAVE":
            at = file.tell() + 8
            name, length = file.read(4), int.from_bytes(file.read(4), "little")
            stated = length
            if name == b"data" or len(name) < 4:
                break
            file.seek(length + length % 2, 1)
    return (stated if stated < _PLACEHOLDER else 0), max(size - at, 0)
