"""Upright pictures: the rotation and mirroring that a video states for its player."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

Matrix = tuple[int, int, int, int]
"""(a, b, c, d): the stored column x and row y are shown at column a x + c y and row b x + d y."""


def display_matrix(frame: av.VideoFrame) -> Matrix:
    """The display matrix of a frame, in 1/65536; that of an upright frame if it states none."""
    stated = frame.side_data.get("DISPLAYMATRIX")
    if stated is None:
        return (1, 0, 0, 1)
    numbers = np.frombuffer(bytes(stated), dtype=np.int32)
    a, b, c, d = (int(numbers[i]) for i in (0, 1, 3, 4))
    return (a, b, c, d)


def upright(image: NDArray[np.uint8], matrix: Matrix) -> NDArray[np.uint8]:
    """Image (H, W, C) turned and mirrored as a display matrix says, to the nearest right angle.

    Example:
        >>> image = np.array([[[1], [2]]], dtype=np.uint8)
        >>> upright(image, (0, 1, -1, 0))[..., 0].tolist(), upright(image, (-1, 0, 0, 1))[..., 0].tolist()
        ([[1], [2]], [[2, 1]])
    """
    a, b, c, d = matrix
    swaps = abs(b) + abs(c) > abs(a) + abs(d)
    turned = image.swapaxes(0, 1) if swaps else image
    by_row, by_column = (b, c) if swaps else (d, a)
    return np.ascontiguousarray(turned[:: -1 if by_row < 0 else 1, :: -1 if by_column < 0 else 1])
