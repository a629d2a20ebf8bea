"""Whether a difference is more than chance: exact paired tests, intervals, and what many tests at once ask for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from colliculus.evaluation.student import LEVEL, student_quantile

POWER = 0.8
"""Probability with which the numbers of seeds and clips that are asked for would show the difference."""
ENUMERATED = 16
"""Up to so many pairs every choice of signs is tried; of more, `DRAWS` are drawn."""
DRAWS = 100_000
RESAMPLES = 10_000
MOST_SEEDS = 1000
"""Nobody is asked to train more often."""


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's exact test (McNemar 1947, Psychometrika 12, 153-157).

    If neither of two classifiers is better, a clip that one alone has right falls to either with probability 1/2.

    Args:
        only_first: clips that the first alone has right.
        only_second: clips that the second alone has right.

    Example:
        >>> mcnemar(1, 5)
        0.21875
    """
    return clip_permutation([Part(np.repeat([1, -1], [only_first, only_second]), 1)])


@dataclass(frozen=True)
class Part:
    """What two methods did on one test part.

    Args:
        sums: (n,) for each clip, how many trainings of the first method have it right, less those of the second.
        num_trainings: of each method.
    """

    sums: NDArray[np.int64]
    num_trainings: int


def clip_permutation(parts: Sequence[Part], seed: int = 0) -> float:
    """Two-sided p-value of the paired permutation test over clips, whose trainings stay together.

    If neither of two methods is better, each clip's sign is as likely to be the other. A clip that several trainings
    of each method have judged counts once, by the sum of its differences; of one training each it is McNemar's test.
    The statistic is the difference of the accuracies, the mean over the parts.

    Args:
        parts: test parts, such as those of the folds.
        seed: of the choices of signs that are drawn where parts are of unlike size; else every choice is counted.

    Example:
        >>> clip_permutation([Part(np.array([3, 1, 0, 1]), 3)])
        0.25
    """
    if len({(part.num_trainings, len(part.sums)) for part in parts}) > 1:
        return _drawn([part.sums / (part.num_trainings * len(part.sums)) for part in parts], seed)
    sums = np.concatenate([part.sums for part in parts])
    observed = abs(int(sums.sum()))
    chances = np.ones(1)  # of each sum, from the lowest possible to the highest
    for size, times in zip(*np.unique(np.abs(sums[sums != 0]), return_counts=True), strict=True):
        chances = np.convolve(chances, _signs(int(size), int(times)))
    reached = np.abs(np.arange(len(chances)) - len(chances) // 2) >= observed
    return min(float(chances[reached].sum()), 1.0)


def _drawn(parts: Sequence[NDArray[np.float64]], seed: int) -> float:
    """The same by `DRAWS` choices of signs: of equal sizes in one part only the number of pluses counts."""
    random, totals = np.random.default_rng(seed), np.zeros(DRAWS)
    for values in parts:
        for size, times in zip(*np.unique(np.abs(values[values != 0]), return_counts=True), strict=True):
            totals += size * (2 * random.binomial(times, 0.5, DRAWS) - times)
    equal = 1e-9 * sum(float(np.abs(values).sum()) for values in parts)  # sums in another order round otherwise
    observed = abs(sum(float(values.sum()) for values in parts))
    return (int((np.abs(totals) >= observed - equal).sum()) + 1) / (DRAWS + 1)


def _signs(size: int, times: int) -> NDArray[np.float64]:
    """Chance of each sum of `times` numbers, each +size or -size: (2 * size * times + 1,)."""
    chances, ways = np.zeros(2 * size * times + 1), 1
    for plus in range(times + 1):
        chances[2 * size * plus] = ways / 2**times  # whole numbers of any length, rounded once
        ways = ways * (times - plus) // (plus + 1)
    return chances


def permutation(differences: Sequence[float], seed: int = 0) -> float:
    """Two-sided p-value of the paired permutation test (Fisher 1935, The Design of Experiments, section 21).

    If neither of two methods is better, each pair's sign is as likely to be the other.

    Args:
        differences: one number for each pair, such as the difference of two accuracies of one seed.
        seed: of the choices of signs that are drawn where there are more than `ENUMERATED` pairs.

    Example:
        >>> permutation([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        0.03125
    """
    values, n = np.asarray(differences, dtype=np.float64), len(differences)
    drawn = n > ENUMERATED
    if drawn:
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(DRAWS, n))
    else:
        signs = 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    equal = 1e-9 * np.abs(values).sum()  # sums in another order round otherwise
    as_far = int((np.abs(signs @ values) >= abs(values.sum()) - equal).sum())
    return (as_far + drawn) / (len(signs) + drawn)  # what was observed is one of the draws


def smallest_p(num_pairs: int) -> float:
    """The smallest p-value that `permutation` can give: all differences of one sign.

    Example:
        >>> smallest_p(5)
        0.0625
    """
    return min(2.0 ** (1 - num_pairs), 1.0)


def bootstrap_interval(parts: Sequence[NDArray[np.float64]], seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of a mean, clips drawn with replacement (Efron 1979, Ann. Stat. 7, 1-26).

    Args:
        parts: (n,) one value for each clip of each test part; clips are drawn within their part, and the mean is that
            of the parts' means.
        seed: of the draws.

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
    """The p-values of several tests, raised so that one level serves for all (Holm 1979, Scand. J. Stat. 6, 65-70).

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
    """How many pairs of trainings would show a difference of this size four times in five.

    The usual approximation of the t test's sample size, and never fewer than `permutation` needs to fall below the
    level, of which `num_tests` tests have a share each.

    Args:
        difference: mean over pairs.
        deviation: standard deviation over pairs.
        num_tests: tests at once.

    Returns:
        None where there is no difference to show, or it would take `MOST_SEEDS` and more.

    Example:
        >>> seeds_needed(1.0, 1.0), seeds_needed(1.0, 0.1)
        (10, 6)
    """
    if not difference:
        return None
    level = LEVEL / num_tests

    def enough(n: int) -> bool:
        reach = student_quantile(1 - level / 2, n - 1) + student_quantile(POWER, n - 1)
        return n * difference**2 >= (reach * deviation) ** 2

    numbers = range(ceil(1 + log2(1 / level)), MOST_SEEDS)
    place = bisect_left(numbers, True, key=enough)
    return numbers[place] if place < len(numbers) else None


def clips_needed(difference: float, deviation: float, num_tests: int = 1) -> int | None:
    """How many test clips would show a difference of this size four times in five, by the normal approximation.

    Args:
        difference: mean over clips.
        deviation: standard deviation over clips.
        num_tests: tests at once, among which the level is shared out.

    Returns:
        None where there is no difference to show.

    Example:
        >>> clips_needed(0.1, 0.5)
        197
    """
    if not difference:
        return None
    normal = NormalDist()
    reach = normal.inv_cdf(1 - LEVEL / num_tests / 2) + normal.inv_cdf(POWER)
    return ceil((reach * deviation / difference) ** 2)
