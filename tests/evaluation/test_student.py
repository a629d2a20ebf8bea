from __future__ import annotations

from math import inf

import pytest
from scipy import stats

from colliculus.evaluation.student import student_interval, student_quantile, student_within

DEGREES = [1, 2, 3, 4, 5, 10, 29, 100, 301]


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 2.5, 12.7, 300.0])
def test_the_probability_is_that_of_scipy(t, degrees):
    assert student_within(t, degrees) == pytest.approx(1 - 2 * stats.t.sf(t, degrees), abs=1e-13)
    assert student_within(-t, degrees) == student_within(t, degrees)


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("probability", [0.01, 0.3, 0.5, 0.8, 0.975, 0.9995])
def test_the_quantile_is_that_of_scipy(probability, degrees):
    assert student_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), abs=1e-9)


@pytest.mark.parametrize(
    ("degrees", "printed"), [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (30, 2.042), (120, 1.980)]
)
def test_the_quantile_is_that_of_the_tables(degrees, printed):
    assert round(student_quantile(0.975, degrees), 3) == printed


def test_the_interval_is_that_of_scipy():
    values = [0.731, 0.742, 0.718, 0.755, 0.729]
    mean, error = stats.describe(values).mean, stats.sem(values)
    assert student_interval(values) == pytest.approx(stats.t.interval(0.95, 4, mean, error), abs=1e-12)


def test_one_value_says_nothing_and_equal_ones_leave_no_room():
    assert student_interval([0.5]) == (-inf, inf)
    assert student_interval([0.5, 0.5, 0.5]) == (0.5, 0.5)
