from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from colliculus.evaluation.random_signs import reaching
from colliculus.evaluation.significance import Part, clip_permutation, mcnemar


def by_counting(sizes, times, total):
    """Count every choice of signs in whole numbers, one number after the other."""
    ways = Counter({0: 1})
    for size, number in zip(sizes, times, strict=True):
        for _ in range(number):
            ways = Counter({s: ways[s - size] + ways[s + size] for w in ways for s in (w - size, w + size)})
    return float(Fraction(sum(n for s, n in ways.items() if s >= total), 2 ** sum(times)))


@pytest.mark.parametrize(
    ("sizes", "times"),
    [([1], [40]), ([1, 2], [30, 25]), ([1, 2, 3, 4, 5], [9, 9, 9, 9, 9]), ([7], [12]), ([1, 100], [3, 12])],
    ids=str,
)
def test_every_tail_is_that_of_counting(sizes, times):
    most = int(np.dot(sizes, times))
    arrays = np.array(sizes), np.array(times)
    for total in {1, 2, 3, most // 3, most // 2, most - 3, most - 2, most - 1, most}:
        assert reaching(*arrays, total) == pytest.approx(by_counting(sizes, times, total), rel=1e-12, abs=0)


def test_tails_of_a_million_numbers_are_those_of_the_binomial():
    number = 1_000_000
    for total in (2, 1000, 5000, 10_000, 30_000):
        expected = stats.binom.sf((number + total) // 2 - 1, number, 0.5)
        assert 0 < expected < 0.5
        assert reaching(np.array([1]), np.array([number]), total) == pytest.approx(expected, rel=1e-9, abs=0)


def test_the_sum_of_a_million_clips_of_five_trainings_is_normal_near_its_middle():
    sums = np.random.default_rng(3).integers(-5, 6, 1_000_000)
    assert sums.sum() != 0
    deviation = np.sqrt((sums**2).sum())
    normal = 2 * stats.norm.sf((abs(sums.sum()) - 1) / deviation)  # the sums lie two apart
    assert clip_permutation([Part(sums, 5)]) == pytest.approx(normal, rel=1e-5)


def test_one_training_each_is_mcnemar_at_any_number_of_clips():
    for first, second in ((30, 10), (5_300, 5_000), (500_900, 499_100)):
        signs = np.repeat([1, -1], [first, second])
        assert clip_permutation([Part(signs, 1)]) == pytest.approx(mcnemar(first, second), rel=1e-9)
