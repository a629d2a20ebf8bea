"""Resampling of a sequence of frames in time."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.types import ColliculusError


def resample_steps(
    frames: NDArray[np.generic], steps: int, mode: Literal["nearest", "linear"] = "nearest"
) -> NDArray[np.generic]:
    """Bring a sequence to `steps` frames; the middles of the new steps are spread evenly over the clip.

    Args:
        frames: (F, C, H, W) with F >= 1.
        steps: frames wanted, at least 1.
        mode: "nearest" picks frames (of two equally near ones the later; the type is kept), "linear" blends the two
            neighbours (float32).

    Returns:
        (steps, C, H, W).

    Raises:
        ColliculusError: there is no frame, or no step is wanted.

    Example:
        >>> frames = np.arange(4, dtype=np.float32).reshape(4, 1, 1, 1)
        >>> resample_steps(frames, 2).ravel().tolist()
        [1.0, 3.0]
        >>> resample_steps(frames, 2, "linear").ravel().tolist()
        [0.5, 2.5]
    """
    count = len(frames)
    if count < 1 or steps < 1:
        raise ColliculusError(f"{count} frames cannot be resampled to {steps} steps: both must be at least 1")
    middles = (np.arange(steps) + 0.5) * count / steps
    if mode == "nearest":
        return frames[np.minimum(middles.astype(np.int64), count - 1)]
    position = np.clip(middles - 0.5, 0, count - 1)
    before = position.astype(np.int64)
    weight = (position - before).astype(np.float32).reshape(-1, *[1] * (frames.ndim - 1))
    after = np.minimum(before + 1, count - 1)
    return frames[before].astype(np.float32) * (1 - weight) + frames[after].astype(np.float32) * weight
