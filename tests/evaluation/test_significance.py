from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from colliculus.evaluation.significance import (
    ENUMERATED,
    Part,
    bootstrap_interval,
    clip_permutation,
    clips_needed,
    holm,
    mcnemar,
    permutation,
    seeds_needed,
    smallest_p,
)


@pytest.mark.parametrize(
    ("first", "second"), [(0, 0), (1, 0), (5, 5), (1, 5), (12, 3), (40, 21), (300, 250), (0, 30), (3000, 3200)]
)
def test_mcnemar_is_the_binomial_test_of_scipy(first, second):
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(second, first) == mcnemar(first, second)


def every_sign(values, statistic=sum):
    """Share of all choices of signs whose sum is at least as far from 0, by a plain loop."""
    observed = abs(statistic(values))
    sums = [
        abs(statistic([s * v for s, v in zip(signs, values, strict=True)]))
        for signs in product((1, -1), repeat=len(values))
    ]
    return sum(total >= observed - 1e-12 for total in sums) / len(sums)


@pytest.mark.parametrize(
    "sums", [[3, 1, 0, 1], [0, 0], [5, -5], [1, 2, 3, -1, -2, 4, 4], [2, 2, 2, 2, -3, 1, 0, 0, 5, -1], [7]], ids=str
)
def test_the_permutation_over_clips_tries_every_sign(sums):
    assert clip_permutation([Part(np.array(sums), 9)]) == pytest.approx(every_sign(sums), rel=1e-12)


def test_a_clip_that_five_trainings_judge_alike_counts_once():
    assert clip_permutation([Part(np.array([5, 5, 5, -5]), 5)]) == mcnemar(3, 1) > mcnemar(15, 5)


def test_many_clips_take_no_time_and_stay_a_probability():
    random = np.random.default_rng(0)
    assert clip_permutation([Part(random.integers(-5, 6, 10_000), 5)]) <= 1
    assert clip_permutation([Part(np.full(10_000, 3), 5)]) < 1e-300
    assert clip_permutation([Part(np.tile([4, -4], 5000), 5)]) == 1


def test_folds_of_one_size_are_one_test_part_and_others_weigh_alike():
    sums = [np.array([2, 1, 0, 1]), np.array([-1, 2, 1, 1])]
    assert clip_permutation([Part(part, 2) for part in sums]) == clip_permutation([Part(np.concatenate(sums), 2)])
    small, large = np.array([1, 1, 1, 1, 0]), np.array([-1, 1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 1, -1, 0])
    weighed = [*(small / len(small)), *(large / len(large))]
    p = clip_permutation([Part(small, 1), Part(large, 1)])
    assert p == clip_permutation([Part(small, 1), Part(large, 1)])
    assert p == pytest.approx(every_sign([x for x in weighed if x]), abs=0.005)
    assert p < clip_permutation([Part(np.concatenate([small, large]), 1)])


@pytest.mark.parametrize(
    "values",
    [[1.0], [1.0, 2.0, 3.0, 4.0, 5.0], [0.4, -0.1, 0.4, 0.3, -0.2, 0.9], [0.1, 0.2, -0.3], [0.0, 0.0]],
    ids=str,
)
def test_the_permutation_over_seeds_is_exact(values):
    exact = stats.permutation_test(
        (np.array(values), np.zeros(len(values))),
        lambda x, y: np.sum(x - y),
        permutation_type="samples",
        n_resamples=np.inf,
    ).pvalue if len(values) > 1 else 1.0  # fmt: skip
    assert permutation(values) == pytest.approx(every_sign(values), rel=1e-12)
    assert permutation(values) == pytest.approx(exact, rel=1e-12)


def test_of_many_seeds_signs_are_drawn_repeatably_and_close_to_exact():
    values = np.random.default_rng(1).normal(0.35, 1, ENUMERATED + 1)
    assert permutation(values) == permutation(values) != permutation(values, seed=1)
    assert permutation(values) == pytest.approx(every_sign(values.tolist()), abs=0.004)
    assert permutation(np.full(40, 1.0)) == 1 / 100_001


@pytest.mark.parametrize("num_pairs", [1, 2, 5, 6, 10])
def test_the_smallest_p_is_that_of_differences_of_one_sign(num_pairs):
    assert smallest_p(num_pairs) == permutation([1.0 + k for k in range(num_pairs)])


def test_the_bootstrap_over_clips_is_that_of_scipy():
    values = np.random.default_rng(0).choice([-1.0, -0.5, 0.0, 0.5, 1.0], 400, p=[0.05, 0.1, 0.6, 0.15, 0.1])
    reference = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1))
    assert bootstrap_interval([values]) == pytest.approx(tuple(reference.confidence_interval), abs=0.004)
    assert bootstrap_interval([values]) == bootstrap_interval([values]) != bootstrap_interval([values], seed=1)


def test_the_bootstrap_of_folds_is_that_of_the_mean_of_their_means():
    random = np.random.default_rng(2)
    small, large = random.choice([-1.0, 0.0, 1.0], 40), random.choice([0.0, 1.0], 400)
    draws = [(random.choice(small, 40).mean() + random.choice(large, 400).mean()) / 2 for _ in range(4000)]
    assert bootstrap_interval([small, large]) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.01)


@pytest.mark.parametrize(
    ("p_values", "raised"),
    [
        ([], []),
        ([0.2], [0.2]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # 4 * 0.005, 3 * 0.01, 2 * 0.03, then no less
        ([0.5, 0.6, 0.001], [1.0, 1.0, 0.003]),
    ],
)
def test_holm_by_hand(p_values, raised):
    assert holm(p_values) == pytest.approx(raised)


def power_by_simulation(num_pairs, difference, deviation):
    draws = np.random.default_rng(0).normal(difference, deviation, (4000, num_pairs))
    return np.mean(stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05)


@pytest.mark.parametrize(("difference", "deviation"), [(1.0, 1.0), (-0.5, 1.0), (2.0, 2.5)])
def test_so_many_seeds_show_the_difference_four_times_in_five(difference, deviation):
    n = seeds_needed(difference, deviation)
    assert power_by_simulation(n, difference, deviation) == pytest.approx(0.8, abs=0.06)


def test_so_many_clips_show_the_difference_four_times_in_five():
    shares = np.array([0.03, 0.9, 0.07])  # the second method alone right, both or neither, the first alone
    mean, deviation = 0.04, (0.1 - 0.04**2) ** 0.5
    n = clips_needed(mean, deviation)
    lost, _, won = np.random.default_rng(0).multinomial(n, shares, 1000).T
    shown = [mcnemar(int(a), int(b)) < 0.05 for a, b in zip(won, lost, strict=True)]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.06)


def test_what_can_be_needed_has_an_end():
    assert seeds_needed(1.0, 0.0) == 6  # the permutation of five cannot fall below 0.0625
    assert seeds_needed(1.0, 0.0, num_tests=3) == 7
    assert seeds_needed(0.0, 1.0) is None
    assert seeds_needed(1e-9, 1.0) is None
    assert clips_needed(0.0, 1.0) is None
    assert clips_needed(0.1, 0.5, num_tests=4) > clips_needed(0.1, 0.5)
