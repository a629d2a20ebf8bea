from __future__ import annotations

import re
import sys
from itertools import product
from math import inf

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
    student_interval,
)
from colliculus.types import ColliculusError


@pytest.mark.parametrize(
    ("first", "second"), [(0, 0), (1, 0), (5, 5), (1, 5), (12, 3), (40, 21), (300, 250), (0, 30), (3000, 3200)]
)
def test_mcnemar_is_the_permutation_of_single_clips(first, second):
    signs = np.repeat([1, -1], [first, second])
    assert mcnemar(first, second) == pytest.approx(clip_permutation([Part(signs, 1)]), rel=1e-9)
    assert mcnemar(second, first) == mcnemar(first, second)


@pytest.mark.parametrize(
    ("degrees", "printed"), [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (30, 2.042), (120, 1.980)]
)
def test_the_interval_has_the_quantile_of_the_printed_tables(degrees, printed):
    values = np.arange(degrees + 1.0)
    low, high = student_interval(values.tolist())
    error = np.std(values, ddof=1) / np.sqrt(degrees + 1)
    assert (high - low) / 2 / error == pytest.approx(printed, abs=5e-4)
    assert (high + low) / 2 == pytest.approx(degrees / 2)


def test_one_value_has_no_interval_and_equal_ones_an_empty_one():
    assert student_interval([0.5]) == (-inf, inf)
    assert student_interval([0.5, 0.5, 0.5]) == (0.5, 0.5)


def test_the_numbers_are_those_of_version_0_1():
    """Printed by the arithmetic of our own that SciPy replaced, on the same draws."""
    random = np.random.default_rng(7)
    intervals = {2: (0.4747007242212056, 0.8812992757787943), 3: (0.6385149816336879, 0.7061516850329788),
                 5: (0.6027904864390201, 0.6992095135609799), 8: (0.627657345987943, 0.6750926540120571),
                 12: (0.6290135404187225, 0.6696531262479442)}  # fmt: skip
    tested = {2: (0.5, 7), 3: (0.25, 11), 5: (0.4375, 89), 8: (0.0078125, 9), 12: (0.03076171875, 29)}
    for n, (p, needed) in tested.items():
        values, differences = (random.integers(*bounds, n) / 1000 for bounds in ((600, 700), (-20, 40)))
        assert student_interval(values.tolist()) == pytest.approx(intervals[n], abs=1e-9)
        assert permutation(differences) == pytest.approx(p, abs=1e-9)
        assert seeds_needed(float(np.mean(differences)), float(np.std(differences, ddof=1)), n) == needed
    old = {
        (0, 0): 1.0,
        (1, 0): 1.0,
        (12, 3): 0.03515625,
        (40, 21): 0.020414713799634897,
        (300, 250): 0.036578745549102704,
    }
    assert {pair: mcnemar(*pair) for pair in old} == pytest.approx(old, abs=1e-9)
    assert bootstrap_interval([random.choice([-1.0, 0.0, 0.5, 1.0], 300)]) == pytest.approx((0.065, 0.235), abs=1e-9)
    assert clip_permutation([Part(random.integers(-3, 4, 200), 3)]) == pytest.approx(0.9718510905919004, abs=1e-9)


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
    assert (
        clip_permutation([Part(np.array([5, 5, 5, -5]), 5)])
        == pytest.approx(mcnemar(3, 1), rel=1e-12)
        != mcnemar(15, 5)
    )


def test_without_a_difference_p_is_one_for_folds_of_any_size():
    assert clip_permutation([Part(np.zeros(3, dtype=int), 1), Part(np.zeros(5, dtype=int), 1)]) == 1.0


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
    assert permutation(values) == pytest.approx(every_sign(values), rel=1e-12)


def test_the_permutation_over_seeds_does_not_depend_on_the_scale():
    values = [0.4, -0.1, 0.4, 0.3, -0.2, 0.9]
    assert permutation([1e-7 * value for value in values]) == permutation(values) < 1


def test_of_many_seeds_signs_are_drawn_repeatably_and_close_to_exact():
    values = np.random.default_rng(1).normal(0.35, 1, ENUMERATED + 1)
    assert permutation(values) == permutation(values) != permutation(values, seed=1)
    assert permutation(values) == pytest.approx(every_sign(values.tolist()), abs=0.004)
    assert permutation(np.full(40, 1.0)) == pytest.approx(2 / 100_001)  # SciPy counts one on each side


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


def test_seeds_and_clips_needed_by_a_plain_search():
    n = np.arange(2, 1000)
    for num_tests, printed in ((1, 1.959964), (3, 2.393980)):  # normal quantile at 1 - 0.05 / (2 num_tests)
        quantiles = stats.t.isf(0.05 / num_tests / 2, n - 1) + stats.t.isf(0.2, n - 1)
        least = 6 if num_tests == 1 else 7  # 2 / 2**n must fall below 0.05 / num_tests
        for difference in (*np.arange(0.3, 2.5, 0.01), *np.arange(0.088, 0.09, 0.0002)):
            shown = n[(n >= least) & (np.sqrt(n) * difference >= quantiles)]
            assert seeds_needed(difference, 1.0, num_tests) == (shown[0] if len(shown) else None)
            needed = ((printed + 0.841621) / difference) ** 2
            assert 0 <= clips_needed(difference, 1.0, num_tests) - needed * (1 - 1e-6) <= 1 + needed * 2e-6


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


def test_a_missing_scipy_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(ColliculusError, match=re.escape("pip install 'colliculus[report]'")):
        mcnemar(3, 1)
