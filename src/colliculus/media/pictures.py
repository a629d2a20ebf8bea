"""Images of any file, by time: a still image, an animation, or the frames of a video, as its content says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import UnidentifiedImageError

from colliculus.files.checks import decoding
from colliculus.media.animation import frame_ends_s, read_animation
from colliculus.media.kinds import kind_of
from colliculus.media.lengths import media_length_s
from colliculus.media.notes import note
from colliculus.media.video import read_frames
from colliculus.media.window import Window

_CHECKED = 4  # frames of which colours are looked at
_SPREAD = 1  # levels that pixels of one colour may differ by: codecs round


def read_pictures(path: Path, window: Window, *, count: int, rate_hz: float | None) -> list[NDArray[np.uint8]]:
    """Read what a file shows at `Window.moments`; a still image is shown at all times.

    Images of one colour are noted (`colliculus.media.notes`).

    Returns:
        `count` arrays (H, W, 3), red, green, blue in 0..255; equal frames may be one array.

    Raises:
        ColliculusError: the file is missing, empty, damaged, a git-lfs pointer, has no images, or ends before the
            window starts.
    """
    with decoding(path):
        try:
            shown = read_animation(path, window, count=count, rate_hz=rate_hz)
        except UnidentifiedImageError:
            shown = read_frames(path, window, count=count, rate_hz=rate_hz)
    unlike = {id(image): image for image in shown}.values()
    extremes = [(image.min(axis=(0, 1)), image.max(axis=(0, 1))) for image in unlike]
    lowest = np.min([low for low, _ in extremes], axis=0).astype(np.int64)
    if (np.max([high for _, high in extremes], axis=0) - lowest <= _SPREAD).all():
        note("constant", f"{path} shows one colour")
    return shown


def check_pictures(path: Path) -> None:
    """Decode all images of a file and note what is odd about it.

    Raises:
        ColliculusError: as `read_pictures`.
    """
    seconds = length_s(path)
    count = _CHECKED if seconds else 1
    # the last moment is the end of the file, so that everything before it is decoded
    read_pictures(path, Window(), count=count, rate_hz=(count - 1) / seconds if seconds else None)


def length_s(path: Path) -> float | None:
    """Length of a sound, video or animation in seconds; None of a still image, and of other files.

    Raises:
        ColliculusError: the file is missing, empty, damaged or a git-lfs pointer.
    """
    kind = kind_of(path)
    if kind != "image":
        return None if kind is None else media_length_s(path)
    with decoding(path):
        try:
            numbers, ends = frame_ends_s(path)
        except UnidentifiedImageError:
            return media_length_s(path) or None
    return ends[-1] if len(numbers) > 1 else None
