"""Student's t distribution for whole degrees of freedom: what intervals over a handful of seeds need, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from math import atan, cos, inf, pi, sin, sqrt
from statistics import mean, stdev

LEVEL = 0.05
"""A p-value below it is called significant, and an interval misses what it is an interval of with this probability."""


def student_within(t: float, degrees: int) -> float:
    """P(|T| <= |t|), by the finite series of Abramowitz and Stegun 1964, 26.7.3 and 26.7.4.

    Args:
        t: any number.
        degrees: degrees of freedom, at least 1.

    Example:
        >>> f"{student_within(2.7764, degrees=4):.4f}"
        '0.9500'
    """
    angle = atan(abs(t) / sqrt(degrees))
    odd = degrees % 2
    term = total = cos(angle) if odd else 1.0
    if degrees == 1:
        total = 0.0
    for k in range(2 + odd, degrees - 1, 2):  # the terms behind the first
        term *= (k - 1) / k * cos(angle) ** 2
        total += term
    found = sin(angle) * total
    return 2 / pi * (angle + found) if odd else found


def student_quantile(probability: float, degrees: int) -> float:
    """The t below which T lies with that probability.

    Args:
        probability: between 0 and 1, both excluded.
        degrees: degrees of freedom, at least 1.

    Example:
        >>> f"{student_quantile(0.975, degrees=4):.3f}"
        '2.776'
    """
    if probability < 0.5:
        return -student_quantile(1 - probability, degrees)
    within, low, high = 2 * probability - 1, 0.0, 1.0
    while student_within(high, degrees) < within:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:  # until no number lies between
        low, high = (middle, high) if student_within(middle, degrees) < within else (low, middle)
    return high


def student_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean from which `values` were drawn, normally distributed (Student 1908).

    Args:
        values: at least one; of one alone nothing can be said, and the interval is unbounded.

    Example:
        >>> low, high = student_interval([1.0, 2.0, 3.0])
        >>> f"{low:.2f} {high:.2f}"
        '-0.48 4.48'
    """
    n = len(values)
    if n < 2:
        return -inf, inf
    half = student_quantile(1 - LEVEL / 2, n - 1) * stdev(values) / sqrt(n)
    return mean(values) - half, mean(values) + half
