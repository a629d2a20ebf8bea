"""Events of a silicon retina or cochlea, and frames of their counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.types import ColliculusError


@dataclass(frozen=True, eq=False)
class Events:
    """Events of one recording, each array (n,).

    Args:
        t_s: times in seconds, in any order.
        x: columns, from 0.
        y: rows, from 0.
        polarity: 1 for brighter or louder, else 0; all 0 where the sensor has no polarity.
    """

    t_s: NDArray[np.float64]
    x: NDArray[np.integer]
    y: NDArray[np.integer]
    polarity: NDArray[np.integer]


def count_events(
    events: Events, *, sensor: tuple[int, int], size: tuple[int, int], bins: int, polarities: int, window_s: float
) -> NDArray[np.uint16]:
    """Counts of events, (bins, polarities, *size), in `bins` equal parts of the first `window_s` seconds, above 0.

    Sensor pixels are merged to reach `size`; where `size` is larger, each pixel fills several positions. An event at
    the very end counts for the last part; times outside the window are not counted. Counts are limited to 65,535.

    Args:
        events: events with times from 0.
        sensor: rows and columns of the sensor.
        size: rows and columns of a frame.
        bins: number of frames.
        polarities: 2: counted separately (first polarity 0, then 1); 1: together.
        window_s: length of the window.

    Raises:
        ColliculusError: an event lies outside the sensor.

    Example:
        >>> where = np.array([0, 0, 3])
        >>> events = Events(np.array([0.0, 0.4, 0.9]), where, where, np.array([1, 1, 0]))
        >>> count_events(events, sensor=(4, 4), size=(2, 2), bins=2, polarities=1, window_s=1.0)[:, 0].tolist()
        [[[2, 0], [0, 0]], [[0, 0], [0, 1]]]
    """
    if any(len(at) and not 0 <= at.min() <= at.max() < n for at, n in zip((events.y, events.x), sensor, strict=True)):
        raise ColliculusError(
            f"an event lies outside the sensor of {sensor[0]} rows and {sensor[1]} columns: correct `sensor`"
        )
    inside = (events.t_s >= 0) & (events.t_s <= window_s)
    bin_ = np.minimum((events.t_s[inside] / window_s * bins).astype(np.int64), bins - 1)
    channel = (events.polarity[inside] > 0).astype(np.int64) if polarities == 2 else np.zeros_like(bin_)
    small = (min(sensor[0], size[0]), min(sensor[1], size[1]))
    row = events.y[inside].astype(np.int64) * small[0] // sensor[0]
    column = events.x[inside].astype(np.int64) * small[1] // sensor[1]
    shape = (bins, polarities, *small)
    flat = np.bincount(np.ravel_multi_index((bin_, channel, row, column), shape), minlength=int(np.prod(shape)))
    counts = np.minimum(flat, np.iinfo(np.uint16).max).astype(np.uint16).reshape(shape)
    rows, columns = (np.arange(new) * old // new for new, old in zip(size, small, strict=True))
    return counts[:, :, rows][..., columns]
