"""Events of a silicon retina or cochlea, and frames of their counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        sensor: rows and columns of the sensor, if the file states them.
    """

    t_s: NDArray[np.float64]
    x: NDArray[np.integer]
    y: NDArray[np.integer]
    polarity: NDArray[np.integer]
    sensor: tuple[int, int] | None = None


MOST_EVENTS = 2**26
"""Number of events of the longest recording that is read: more would fill the memory."""

_MICROSECONDS = 1e-6


def recorded_events(
    path: Path,
    t: NDArray[Any],
    x: NDArray[Any],
    y: NDArray[Any],
    polarity: NDArray[Any],
    sensor: tuple[int, int] | None = None,
) -> Events:
    """Checked events in the order of their times, which count from the first event.

    Args:
        path: file, for messages.
        t: (n,) times: whole numbers are microseconds, floating ones seconds.
        x: (n,) columns.
        y: (n,) rows.
        polarity: (n,) above 0 for brighter.
        sensor: rows and columns of the sensor, if the file states them.

    Raises:
        ColliculusError: there is no event, the columns differ in length, a value is not a number of its kind, or an
            event lies outside the stated sensor.

    Example:
        >>> recorded_events(Path("a.csv"), *np.array([[5000, 4000], [1, 2], [3, 4], [-1, 1]])).t_s.tolist()
        [0.0, 0.001]
    """
    columns = {"t": t, "x": x, "y": y, "p": polarity}
    for name, column in columns.items():
        if column.ndim != 1 or len(column) != len(t) or column.dtype.kind not in "biuf":
            raise ColliculusError(f"{path} holds no equally long columns of numbers t, x, y and p: see {name!r}")
        if not np.isfinite(column).all():
            raise ColliculusError(f"{path} holds values of {name!r} that are not finite: record or copy it again")
    if not len(t):
        raise ColliculusError(f"{path} holds no event: record or copy it again")
    if len(t) > MOST_EVENTS:
        raise ColliculusError(
            f"{path} holds {len(t):,} events, and at most {MOST_EVENTS:,} are read: cut the recording"
        )
    bounds = sensor or (2**15, 2**15)
    for column, most in ((y, bounds[0]), (x, bounds[1])):
        if column.min() < 0 or column.max() >= most or (column.dtype.kind == "f" and (column % 1).any()):
            raise ColliculusError(
                f"{path} holds an event outside a sensor of {bounds[0]} rows and {bounds[1]} columns: it is damaged, or"
                " x and y are not whole numbers from 0"
            )
    order = np.argsort(t, kind="stable")
    times = t[order]
    elapsed = (times - times[0]).astype(np.float64) * (1 if t.dtype.kind == "f" else _MICROSECONDS)
    return Events(
        t_s=elapsed,
        x=x[order].astype(np.int64),
        y=y[order].astype(np.int64),
        polarity=(polarity[order] > 0).astype(np.int64),
        sensor=sensor,
    )


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
