from __future__ import annotations

import numpy as np
import pytest

from colliculus.media.events import Events, count_events
from colliculus.types import ColliculusError


def slow_counts(events, sensor, size, bins, polarities, window_s):
    """One event after another; a place that is smaller than a sensor pixel shows that pixel."""
    small = [min(a, b) for a, b in zip(sensor, size, strict=True)]
    counts = np.zeros((bins, polarities, *small), dtype=int)
    for t, x, y, p in zip(events.t_s, events.x, events.y, events.polarity, strict=True):
        if 0 <= t <= window_s:
            where = (int(y) * small[0] // sensor[0], int(x) * small[1] // sensor[1])
            counts[min(int(t / window_s * bins), bins - 1), int(p) if polarities == 2 else 0, *where] += 1
    grown = np.zeros((bins, polarities, *size), dtype=int)
    for row in range(size[0]):
        for column in range(size[1]):
            grown[:, :, row, column] = counts[:, :, row * small[0] // size[0], column * small[1] // size[1]]
    return grown


@pytest.mark.parametrize("polarities", [1, 2])
@pytest.mark.parametrize(("sensor", "size"), [((12, 16), (5, 7)), ((8, 8), (28, 28)), ((4, 9), (8, 3))])
def test_counts_are_those_of_a_slow_loop(sensor, size, polarities):
    random = np.random.default_rng(0)
    n = 400
    events = Events(
        random.uniform(-0.5, 2.5, n), random.integers(0, sensor[1], n), random.integers(0, sensor[0], n),
        random.integers(0, 2, n),
    )  # fmt: skip
    made = count_events(events, sensor=sensor, size=size, bins=7, polarities=polarities, window_s=2.0)
    np.testing.assert_array_equal(made, slow_counts(events, sensor, size, 7, polarities, 2.0))
    if size < sensor:
        assert made.sum() == ((events.t_s >= 0) & (events.t_s <= 2.0)).sum()


def test_no_event_is_lost_at_the_end_and_none_overflows():
    at = np.zeros(70_000, dtype=np.int64)
    events = Events(np.append(np.full(69_999, 0.1), 1.0), at, at, at)
    made = count_events(events, sensor=(1, 1), size=(1, 1), bins=2, polarities=1, window_s=1.0)
    assert made.reshape(-1).tolist() == [65_535, 1]


def test_an_event_beside_the_sensor_is_told():
    at = np.array([5])
    with pytest.raises(ColliculusError, match="outside the sensor of 4 rows and 8 columns"):
        count_events(Events(np.zeros(1), at, at, at), sensor=(4, 8), size=(2, 2), bins=1, polarities=1, window_s=1.0)
