from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.evaluation.corruption.plan import Corruption
from colliculus.evaluation.curves import area_under, curves


def test_the_area_is_the_mean_height_of_the_lines():
    assert area_under([0, 1, 3], [1.0, 0.5, 0.0]) == pytest.approx((0.75 + 2 * 0.25) / 3)
    assert area_under([7], [0.4]) == 0.4


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 1)), min_size=2, max_size=8, unique_by=lambda p: p[0]))
def test_the_area_is_that_of_numpy_and_a_share(points):
    levels, accuracy = zip(*sorted(points), strict=True)
    if levels[-1] - levels[0] < 1e-6:
        return
    fine = np.linspace(levels[0], levels[-1], 20_001)
    found = area_under(levels, accuracy)
    assert found == pytest.approx(np.interp(fine, levels, accuracy).mean(), abs=2e-3)
    assert -1e-9 <= found <= 1 + 1e-9


def test_curves_of_noise_have_no_clean_end_and_the_others_begin_at_it():
    measured = {
        Corruption("white", ("a",), 10.0, 0): 0.8,
        Corruption("white", ("a",), 10.0, 1): 0.6,
        Corruption("white", ("a",), -10.0, 0): 0.3,
        Corruption("white", ("a",), -10.0, 1): 0.3,
        Corruption("shift", ("a",), 2.0): 0.5,
        Corruption("shift", ("a",), -2.0): 0.7,
        Corruption("missing", ("a",), "zeros"): 0.4,
        Corruption("missing", ("a",), "absent"): 0.2,
    }
    white, shift, missing = curves(measured, clean=0.9, chance=0.25)
    assert (white.severities, white.accuracy) == ((-10.0, 10.0), (0.3, pytest.approx(0.7)))
    assert (white.lowest, white.highest) == ((0.3, 0.6), (0.3, 0.8))
    assert white.area == pytest.approx(0.5)
    assert white.relative_robustness == pytest.approx(0.25 / 0.65)
    assert (shift.severities, shift.accuracy) == ((-2.0, 0.0, 2.0), (0.7, 0.9, 0.5))
    assert shift.area == pytest.approx(0.75)
    assert (missing.severities, missing.accuracy) == (("zeros", "absent"), (0.4, 0.2))
    assert missing.area is missing.relative_robustness is None


def test_a_model_that_guesses_has_no_relative_robustness():
    (curve,) = curves({Corruption("blur", ("a",), 1.0): 0.2}, clean=0.2, chance=0.25)
    assert curve.relative_robustness is None
    assert curve.area == pytest.approx(0.2)
