"""Paired tests and intervals for a difference between methods, and the number of seeds and clips that would show it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from math import ceil, inf, log2, sqrt
from statistics import NormalDist, mean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colliculus.evaluation.random_signs import reaching
from colliculus.types import ColliculusError

LEVEL = 0.05
"""Significance level: a p-value below it is called significant, and an interval covers 1 - LEVEL."""
POWER = 0.8
"""Probability with which the suggested numbers of seeds and clips show the difference."""
ENUMERATED = 16
"""Largest number of pairs for which every choice of signs is tried; for more, `DRAWS` are drawn."""
DRAWS = 100_000
RESAMPLES = 10_000
MOST_SEEDS = 1000
"""Upper limit of the suggested number of seeds."""


def _stats() -> Any:
    """`scipy.stats`, imported on first use because it takes about a second."""
    try:
        return import_module("scipy.stats")
    except ImportError as error:
        raise ColliculusError("statistical tests need scipy: pip install 'colliculus[report]'") from error


def student_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean of a normal distribution from a few of its values (Student 1908, Biometrika 6, 1-25).

    Args:
        values: at least one; the interval of a single value is unbounded.

    Example:
        >>> low, high = student_interval([1.0, 2.0, 3.0])
        >>> f"{low:.2f} {high:.2f}"
        '-0.48 4.48'
    """
    n = len(values)
    if n < 2:
        return -inf, inf
    half = float(_stats().t.ppf(1 - LEVEL / 2, n - 1)) * stdev(values) / sqrt(n)
    return mean(values) - half, mean(values) + half


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's exact test for the clips that only one of two classifiers recognises.

    Under the null hypothesis it falls to either with probability 1/2 (McNemar 1947, Psychometrika 12, 153-157). It is
    exact for any number of clips: SciPy sums the binomial tail in closed form.

    Example:
        >>> mcnemar(1, 5)
        0.21875
    """
    total = only_first + only_second
    return float(_stats().binomtest(only_first, total).pvalue) if total else 1.0


@dataclass(frozen=True)
class Part:
    """Differences of two methods on one test part.

    Args:
        sums: (n,) for each clip, trainings of the first method that recognise it minus those of the second.
        num_trainings: trainings of each method.
    """

    sums: NDArray[np.int64]
    num_trainings: int


def clip_permutation(parts: Sequence[Part], seed: int = 0) -> float:
    """Two-sided p-value of the paired permutation test over clips; all trainings of a clip stay together.

    Under the null hypothesis the sign of each clip's difference is random. A clip that several trainings of each method
    classified counts once, with the sum of its differences; with one training each this is McNemar's test. The
    statistic is the difference of the accuracies, averaged over the parts. Where all parts have the same size the test
    is exact for any number of clips (see `reaching`; SciPy has no such test for thousands of clips); elsewhere `DRAWS`
    signs are drawn.

    Args:
        parts: test parts, such as those of the folds.
        seed: seed of the random signs that are drawn where parts differ in size.

    Example:
        >>> clip_permutation([Part(np.array([3, 1, 0, 1]), 3)])
        0.25
    """
    if len({(part.num_trainings, len(part.sums)) for part in parts}) > 1:
        return _drawn([part.sums / (part.num_trainings * len(part.sums)) for part in parts], seed)
    sums = np.concatenate([part.sums for part in parts])
    observed = abs(int(sums.sum()))
    sizes, times = np.unique(np.abs(sums[sums != 0]), return_counts=True)
    return min(2 * reaching(sizes, times, observed), 1.0) if observed else 1.0


def _drawn(parts: Sequence[NDArray[np.float64]], seed: int) -> float:
    """The same test from `DRAWS` random signs; among equal values of a part only the number of plus signs matters."""
    random, totals = np.random.default_rng(seed), np.zeros(DRAWS)
    for values in parts:
        for size, times in zip(*np.unique(np.abs(values[values != 0]), return_counts=True), strict=True):
            totals += size * (2 * random.binomial(times, 0.5, DRAWS) - times)
    tolerance = 1e-9 * sum(float(np.abs(values).sum()) for values in parts)  # sums round differently in another order
    observed = abs(sum(float(values.sum()) for values in parts))
    return (int((np.abs(totals) >= observed - tolerance).sum()) + 1) / (DRAWS + 1)


def permutation(differences: Sequence[float], seed: int = 0) -> float:
    """Two-sided p-value of the paired permutation test (Fisher 1935, The Design of Experiments, section 21).

    Under the null hypothesis the sign of each pair's difference is random.

    Args:
        differences: one number for each pair, such as the difference of two accuracies with the same seed.
        seed: seed of the random signs that are drawn for more than `ENUMERATED` pairs.

    Example:
        >>> permutation([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        0.03125
    """
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return 1.0
    tested = _stats().permutation_test(
        (values / (np.abs(values).sum() or 1.0),),
        _rounded_sum,
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**ENUMERATED if len(values) <= ENUMERATED else DRAWS,
        batch=DRAWS // 10,
        rng=seed,
    )
    return float(tested.pvalue)


def _rounded_sum(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    return np.round(values.sum(axis=axis), 9)  # equal sums of numbers in another order differ in the last digit


def smallest_p(num_pairs: int) -> float:
    """The smallest p-value that `permutation` can give: all differences of one sign.

    Example:
        >>> smallest_p(5)
        0.0625
    """
    return min(2.0 ** (1 - num_pairs), 1.0)


def bootstrap_interval(parts: Sequence[NDArray[np.float64]], seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of a mean, by resampling clips (Efron 1979, Ann. Stat. 7, 1-26).

    The values are few (0, 1, or a fraction of the trainings), so their counts are drawn at once;
    `scipy.stats.bootstrap` draws every clip and takes seconds instead of milliseconds.

    Args:
        parts: (n,) one value for each clip of each test part; clips are resampled within their part, and the mean is
            the mean of the parts' means.
        seed: seed of the resampling.

    Example:
        >>> low, high = bootstrap_interval([np.array([0.0, 1.0] * 50)])
        >>> f"{low:.1f} {high:.1f}"
        '0.4 0.6'
    """
    random, means = np.random.default_rng(seed), np.zeros(RESAMPLES)
    for values in parts:
        kinds, counts = np.unique(values, return_counts=True)
        drawn = random.multinomial(len(values), counts / len(values), size=RESAMPLES)
        means += drawn @ kinds / len(values) / len(parts)
    low, high = np.quantile(means, [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust the p-values of several tests, so that one level holds for all (Holm 1979, Scand. J. Stat. 6, 65-70).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    raised, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min((len(p_values) - rank) * p_values[place], 1.0))
        raised[place] = largest
    return raised


def seeds_needed(difference: float, deviation: float, num_tests: int = 1) -> int | None:
    """Number of pairs of trainings that would show a difference of this size with probability `POWER`.

    The usual approximation of the sample size of a t test, but never fewer pairs than `permutation` needs to fall below
    the level. The level is divided by the number of tests. None where the difference is zero, or where `MOST_SEEDS` or
    more would be needed.

    Args:
        difference: mean over pairs.
        deviation: standard deviation over pairs.
        num_tests: number of simultaneous tests.

    Example:
        >>> seeds_needed(1.0, 1.0), seeds_needed(1.0, 0.1)
        (10, 6)
    """
    if not difference:
        return None
    level, quantile = LEVEL / num_tests, _stats().t.ppf

    def enough(n: int) -> bool:
        reach = quantile(1 - level / 2, n - 1) + quantile(POWER, n - 1)
        return bool(n * difference**2 >= (reach * deviation) ** 2)

    numbers = range(ceil(1 + log2(1 / level)), MOST_SEEDS)
    place = bisect_left(numbers, True, key=enough)
    return numbers[place] if place < len(numbers) else None


def clips_needed(difference: float, deviation: float, num_tests: int = 1) -> int | None:
    """Number of test clips that would show a difference of this size with probability `POWER` (normal approximation).

    The arguments are those of `seeds_needed`, over clips; None where the difference is zero.

    Example:
        >>> clips_needed(0.1, 0.5)
        197
    """
    if not difference:
        return None
    normal = NormalDist()
    reach = normal.inv_cdf(1 - LEVEL / num_tests / 2) + normal.inv_cdf(POWER)
    return ceil((reach * deviation / difference) ** 2)
