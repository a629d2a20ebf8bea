"""Frames of a video, by time stamps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from colliculus.files.checks import decoding
from colliculus.media.container import decoded_frames
from colliculus.media.lengths import track_end_s
from colliculus.media.orientation import display_matrix, upright
from colliculus.media.window import Window
from colliculus.types import ColliculusError

_FRAME_S = 0.04  # from a frame without a time stamp to the next


def read_frames(path: Path, window: Window, *, count: int, rate_hz: float | None) -> list[NDArray[np.uint8]]:
    """Read the frames that a video shows at `Window.moments`.

    The first frame also stands for the time before it, the last frame for the time after it. Frames are rotated and
    mirrored as the video states it for its player. Notes (`colliculus.media.notes`) name videos that are damaged in
    part or cut short.

    Returns:
        `count` arrays (H, W, 3), red, green, blue in 0..255; equal frames may be one array.

    Raises:
        ColliculusError: the file is missing, empty, damaged, a git-lfs pointer, has no images, or ends before the
            window starts.
    """
    with decoding(path):
        end_s = track_end_s(path, "video", window)
        shown = _shown(path, window.moments(count, rate_hz, end_s))
        arrays = {id(frame): _as_shown(frame) for frame in shown}
        return [arrays[id(frame)] for frame in shown]


def _as_shown(frame: av.VideoFrame) -> NDArray[np.uint8]:
    image = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    return upright(image, display_matrix(frame))


def _shown(path: Path, moments: Sequence[float]) -> list[av.VideoFrame]:
    """Frame on the screen at each of the ascending moments."""
    found: list[av.VideoFrame] = []
    shown: av.VideoFrame | None = None
    for time_s, frame in _timed(path, moments[0]):
        while shown is not None and len(found) < len(moments) and time_s > moments[len(found)]:
            found.append(shown)
        if len(found) == len(moments):
            break
        shown = frame
    if shown is None:
        raise ColliculusError(f"{path} holds no images: its video track is empty; record or copy it again")
    return found + [shown] * (len(moments) - len(found))


def _timed(path: Path, first_s: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """Frames with the time each is shown at; a frame without a time stamp follows the previous one."""
    now = 0.0
    for number, (stamp, frame) in enumerate(decoded_frames(path, "video", first_s)):
        now = (now + _FRAME_S if number else 0.0) if stamp is None else stamp
        if isinstance(frame, av.VideoFrame):
            yield now, frame
