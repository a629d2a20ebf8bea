"""Animated WebP, PNG and AVIF, and TIFF of several pages: sequences by time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colliculus.media.images import as_rgb, is_number, opened_image
from colliculus.media.window import Window

_PAGE_S = 0.04  # of a TIFF, whose pages state no time
_SHORTEST_S, _DEFAULT_S = 0.01, 0.1  # browsers show a frame that states no more than the first for the second
_REDUCED = 254  # tag of a TIFF: bit 0 marks a small copy of another page


def frame_ends_s(path: Path) -> tuple[list[int], list[float]]:
    """Numbers of the frames of an animation and the time at which each ends; one frame: a still image.

    Several pictures of a JPEG (MPO), and pages of a TIFF that are of other sizes, are copies and no sequence.
    """
    numbers, ends = list[int](), list[float]()
    with opened_image(path) as image:
        size, now = image.size, 0.0
        for number in range(1 if image.format == "MPO" else getattr(image, "n_frames", 1)):
            image.seek(number)
            if image.size == size and not _is_copy(image, number):
                numbers.append(number)
                ends.append(now := now + _lasts_s(image))
    return numbers, ends


def read_animation(path: Path, window: Window, *, count: int, rate_hz: float | None) -> list[NDArray[np.uint8]]:
    """Frames of an animation at `Window.moments`, as of a video; those of a still image are all the same.

    Returns:
        `count` arrays (H, W, 3), red, green, blue in 0..255; equal frames may be one array.
    """
    numbers, ends = frame_ends_s(path)
    moments = window.moments(count, rate_hz, ends[-1]) if len(numbers) > 1 else [0.0] * count
    last = len(numbers) - 1
    shown = [numbers[min(int(np.searchsorted(ends, moment, side="right")), last)] for moment in moments]
    with opened_image(path) as image:
        highest = max(_highest(image, number) for number in numbers) if is_number(image) else None
        found: dict[int, NDArray[np.uint8]] = {}
        for number in sorted(set(shown)):  # each is drawn upon the one before it
            image.seek(number)
            found[number] = as_rgb(path, image, highest)
    return [found[number] for number in shown]


def _lasts_s(image: Image.Image) -> float:
    if image.format == "TIFF":
        return _PAGE_S
    image.load()  # only then are the times of a WebP known
    stated_s = float(image.info.get("duration", 0)) / 1000
    return stated_s if stated_s > _SHORTEST_S else _DEFAULT_S


def _is_copy(image: Image.Image, number: int) -> bool:
    """True for a small copy in a TIFF, and for the still that stands for an animated PNG where none is shown."""
    if image.format == "TIFF":
        return number > 0 and bool(int(cast(Any, image).tag_v2.get(_REDUCED, 0)) & 1)
    return number == 0 and bool(image.info.get("default_image"))


def _highest(image: Image.Image, number: int) -> float:
    image.seek(number)
    return float(np.asarray(image).max())
