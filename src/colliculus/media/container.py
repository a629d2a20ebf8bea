"""Audio and video files as FFmpeg sees them: tracks, and packets and frames with time stamps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from colliculus.files.checks import decoding
from colliculus.media.images import MOST_PIXELS
from colliculus.media.kinds import Track
from colliculus.media.notes import note
from colliculus.types import ColliculusError

_RATES_HZ = range(1000, 1_000_001)  # a damaged header may state others: resampling would take all memory, or ages
_FAR_S = 2.0  # seek to moments later than this; whatever lies before a moment is decoded in vain
_FAILURES = 16  # reading gives up after so many failures without a packet between them

Stream = AudioStream | VideoStream
Frame = av.AudioFrame | av.VideoFrame


def tracks(path: Path) -> set[Track]:
    """Which of "audio" and "video" an audio or video file contains; a cover is not a video.

    Raises:
        ColliculusError: the file is missing, empty, damaged or a git-lfs pointer.
    """
    with decoding(path), open_media(path) as container:
        return set(contents(container))


def open_media(path: Path) -> InputContainer:
    """Open an audio or video file; for use inside `decoding`."""
    # an absolute path, lest FFmpeg take "data:clip.mp4" for a protocol; and a file may refer to nothing but files.
    # Names of tracks and songs may be of any encoding: they are not read
    return av.open(str(path.absolute()), options={"protocol_whitelist": "file"}, metadata_errors="replace")


def contents(container: InputContainer) -> dict[Track, Stream]:
    """The sound and the images of a file: of several streams the default one, else the first; covers are left out."""
    found: dict[Track, Stream] = {}
    for default in (True, False):
        for stream in container.streams:
            cover = stream.disposition & (Disposition.attached_pic | Disposition.dependent)  # or a tile of a HEIC
            chosen = not default or Disposition.default in stream.disposition
            if isinstance(stream, AudioStream | VideoStream) and chosen and not cover:
                found.setdefault("audio" if isinstance(stream, AudioStream) else "video", stream)
    return found


def origin_s(container: InputContainer) -> float:
    """Time stamp of the start of the first track, in seconds."""
    return (container.start_time or 0) / av.time_base


def packets_of(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet[Any] | None]:
    """Packets of `streams` in the order of the file; None stands for bytes that cannot be read as packets."""
    failures, any_packet = 0, False
    while True:
        try:
            for packet in container.demux(list(streams)):
                failures, any_packet = 0, True
                yield packet
            return
        except (FFmpegError, OSError):
            failures += 1
            if failures == _FAILURES:
                if any_packet:
                    return
                raise
            if failures == 1:
                yield None


def decoded_frames(path: Path, track: Track, from_s: float) -> Iterator[tuple[float | None, Frame]]:
    """Decoded frames with their time stamps, from `from_s` or earlier; for use inside `decoding`.

    A packet that cannot be decoded is passed over, and a note says how many were.
    """
    for seek in (True, False) if from_s > _FAR_S else (False,):
        with open_media(path) as container:
            start_s, stream = origin_s(container), contents(container)[track]
            if isinstance(stream, AudioStream) and stream.rate not in _RATES_HZ:
                raise ColliculusError(f"{path} states a sample rate of {stream.rate} Hz: copy or download it again")
            if isinstance(stream, VideoStream) and stream.width * stream.height > MOST_PIXELS:
                raise ColliculusError(f"{path} states {stream.width} x {stream.height} pixels: give smaller images")
            if seek:
                try:
                    container.seek(round((from_s + start_s) * av.time_base))
                except (FFmpegError, OSError):
                    continue
            decoding_ = _Decoding(path, track)
            frames = decoding_.frames(container, stream)
            first = next(frames, None)
            if seek:
                stamp = _time_s(first, stream)
                if stamp is None or stamp - start_s > from_s:
                    continue  # the seek went too far
                decoding_.lost = 0  # decoding began in the middle
            try:
                while first is not None:
                    stamp = _time_s(first, stream)
                    yield None if stamp is None else stamp - start_s, first
                    first = next(frames, None)
            finally:
                decoding_.report()
            return


def _time_s(frame: Frame | None, stream: Stream) -> float | None:
    """Time stamp of a frame; one that a decoder holds back until after the last packet has no unit of its own."""
    if frame is None or frame.pts is None or stream.time_base is None:
        return None
    return float(frame.pts * stream.time_base)


@dataclass
class _Decoding:
    """Decoding of one track, with the number of its packets and of those that cannot be decoded."""

    path: Path
    track: Track
    packets: int = 0
    lost: int = 0

    def frames(self, container: InputContainer, stream: Stream) -> Iterator[Frame]:
        """Frames of all packets that can be decoded; the error of the last packet if none can."""
        error, any_frame = None, False
        for packet in itertools.chain(packets_of(container, [stream]), [Packet()]):  # an empty packet flushes
            is_empty = packet is not None and not packet.size
            self.packets += not is_empty
            try:
                found = [] if packet is None else stream.codec_context.decode(None if is_empty else packet)
            except (FFmpegError, OSError) as failure:
                if not is_empty:
                    self.lost, error = self.lost + 1, failure
                continue
            self.lost += packet is None
            for frame in found:
                any_frame = True
                yield frame
        if error is not None and not any_frame:
            raise error

    def report(self) -> None:
        """Note the packets that were passed over."""
        if self.lost:
            content = "sound" if self.track == "audio" else "video"
            note("damaged", f"{self.path}: {self.lost} of {self.packets} packets of its {content} cannot be decoded")
