"""Layouts of time series: which axis is time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.types import ColliculusError

TimeAxis = Literal["longer", "first", "last"]
"""Axis of a sample (A, B) along which time runs: the longer one, if it is at least twice as long; or as named."""


def time_is_last(name: str, shape: Sequence[int], time_axis: TimeAxis) -> bool:
    """True where a series (..., channels, samples) has its time last, False for (..., samples, channels).

    Raises:
        ColliculusError: `time_axis` is "longer" and neither axis is twice as long as the other.

    Example:
        >>> time_is_last("imu", (100, 6, 128), "longer"), time_is_last("imu", (100, 128, 6), "longer")
        (True, False)
    """
    first, last = shape[-2:]
    if time_axis != "longer":
        return time_axis == "last"
    if max(first, last) < 2 * min(first, last):
        raise ColliculusError(
            f"{name} has the shape {tuple(shape)}, and neither of the last two axes is twice as long as the other: of a"
            ' series, say which is time with `time_axis` "first" or "last"; images need an axis of channels, (n, C, H,'
            " W)"
        )
    return last > first


def as_map(series: NDArray[np.generic], *, last: bool) -> NDArray[np.generic]:
    """A series (..., channels, samples), or (..., samples, channels) where time is not `last`, as (..., C, 1, W).

    Example:
        >>> as_map(np.zeros((100, 128, 6)), last=False).shape
        (100, 6, 1, 128)
    """
    return (series if last else series.swapaxes(-2, -1))[..., None, :]


def layout_in_words(shape: Sequence[int], *, last: bool) -> str:
    """Layout of the samples of an array of series, as it was understood.

    Example:
        >>> layout_in_words((100, 128, 6), last=False)
        'series of 6 channels over 128 moments (axis 1 is time)'
    """
    channels, moments = shape[-2:] if last else (shape[-1], shape[-2])
    return f"series of {channels} channels over {moments} moments (axis {len(shape) - (1 if last else 2)} is time)"
