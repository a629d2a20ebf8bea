from __future__ import annotations

import numpy as np
import pytest

from colliculus.runs.coordination import area_between, coordination


def test_a_hand_trace_of_two_modalities() -> None:
    """Audio has 0.9 of its best, 0.5, in epoch 2; visual of 0.8 in epoch 4."""
    found = coordination([1, 2, 3, 4, 5], {"audio": [0.25, 0.45, 0.5, 0.4, 0.5], "visual": [0.2, 0.4, 0.6, 0.72, 0.8]})
    assert found.reached == {"audio": 2, "visual": 4}
    assert found.spread == 2
    # shares 0.5 0.9 1 0.8 1 and 0.25 0.5 0.75 0.9 1; they cross between the epochs 3 and 4
    differences = [0.25, 0.4, 0.25, -0.1, 0.0]
    whole = (0.25 + 0.4) / 2 + (0.4 + 0.25) / 2 + 0.1 / 2
    crossing = (0.25 * 0.25 / 0.35 + 0.1 * 0.1 / 0.35) / 2
    assert found.area == pytest.approx(whole + crossing)
    assert differences[2] * differences[3] < 0


def test_the_area_is_that_of_a_fine_grid() -> None:
    random = np.random.default_rng(0)
    x, a, b = np.array([1, 2, 4, 5, 9]), random.random(5), random.random(5)
    fine = np.linspace(1, 9, 80001)
    expected = np.abs(np.interp(fine, x, a) - np.interp(fine, x, b)).mean() * 8
    assert area_between(x.tolist(), a.tolist(), b.tolist()) == pytest.approx(expected, rel=1e-3)


def test_equal_shapes_have_no_area_however_high_they_are() -> None:
    found = coordination([1, 2, 3], {"a": [0.1, 0.2, 0.4], "b": [0.2, 0.4, 0.8], "c": [0.05, 0.1, 0.2]})
    assert found.reached == {"a": 3, "b": 3, "c": 3}
    assert (found.area, found.spread) == (pytest.approx(0), 0)


def test_of_three_modalities_it_is_the_mean_over_pairs() -> None:
    found = coordination([1, 2], {"a": [1.0, 1.0], "b": [0.5, 1.0], "c": [0.0, 1.0]})
    assert found.area == pytest.approx((0.25 + 0.5 + 0.25) / 3)
    assert [row[1] for row in found.table().rows] == ["1", "2", "2", "1", "0.33"]


def test_epochs_without_a_number_are_left_out_and_nothing_is_said_of_too_little() -> None:
    found = coordination([1, 2, 3], {"a": [0.5, None, 1.0], "b": [1.0, 0.3, 1.0]})
    assert found.reached == {"a": 3, "b": 1}
    assert found.area == pytest.approx(0.5)
    assert coordination([1], {"a": [0.5]}) is None
    assert coordination([1], {"a": [None], "b": [0.5]}) is None
    assert coordination([1, 2], {"a": [0.0, 0.0], "b": [0.5, 0.6]}) is None
    assert coordination([], {}) is None
