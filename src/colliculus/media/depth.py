"""Depth videos of one person: the body cut out, and distances as grey levels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colliculus.media.resize import resize
from colliculus.types import ColliculusError

_WHITE = 255


def middles(steps: int, frames: int) -> NDArray[np.int64]:
    """Frames shown in the middles of `steps` equal parts of a clip of `frames`; a short clip repeats some.

    Where a middle falls between two frames, it is the earlier one.

    Example:
        >>> middles(4, 12).tolist(), middles(4, 8).tolist(), middles(4, 2).tolist()
        ([1, 4, 7, 10], [0, 2, 4, 6], [0, 0, 1, 1])
    """
    return ((2 * np.arange(steps, dtype=np.int64) + 1) * frames - 1) // (2 * steps)


def body_levels(depth_mm: NDArray[np.float32], *, size: tuple[int, int], span_mm: float) -> NDArray[np.uint8]:
    """Frames (T, H, W) in mm, 0 where there is no body, as grey levels (T, 1, *size), the nearer the brighter.

    All frames are cropped to one square around whatever is not 0 in any of them; it may reach beyond the image. The
    median distance has the level 127.5, and `span_mm` all levels: 255 (1/2 + (median - depth) / span), clipped to
    1..255, with 0 for the background. Levels are resized bilinearly and rounded.

    Raises:
        ColliculusError: all values are 0.

    Example:
        >>> body_levels(np.array([[[0, 0], [3000, 2000.0]]]), size=(2, 2), span_mm=2000.0).tolist()
        [[[[0, 0], [64, 191]]]]
    """
    body = depth_mm > 0
    if not body.any():
        raise ColliculusError("there is no body in the frames")
    depth = depth_mm.astype(np.float64)
    nearness = 0.5 + (np.median(depth[body]) - depth) / span_mm
    levels = np.where(body, np.clip(_WHITE * nearness, 1, _WHITE), 0)
    return np.rint(resize(_square(levels, body)[:, None], size)).astype(np.uint8)


def _square(frames: NDArray[np.float64], body: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Frames (T, H, W) cropped to the smallest square around the `body` of all, with zeros beyond the image."""
    bounds = [np.flatnonzero(body.any(axis=axes))[[0, -1]] + (0, 1) for axes in ((0, 2), (0, 1))]
    side = int(max(end - start for start, end in bounds))
    first_row, first_column = ((int(start + end) - side) // 2 for start, end in bounds)
    padded = np.zeros((len(frames), *(length + 2 * side for length in body.shape[1:])))
    padded[:, side:-side, side:-side] = frames
    rows = slice(first_row + side, first_row + 2 * side)
    return padded[:, rows, first_column + side : first_column + 2 * side]
