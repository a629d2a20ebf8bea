"""Shapley values of the modalities, exact over all subsets, and their interaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from colliculus.types import ColliculusError

Subset = frozenset[str]
"""Names of the given modalities."""

MOST_MODALITIES = 10
"""Largest number of modalities: each subset takes a pass over the data."""

Values = NDArray[np.float64]


def subsets(modalities: Sequence[str]) -> list[Subset]:
    """Every subset that is not empty, smaller ones first.

    Raises:
        ColliculusError: there are more than `MOST_MODALITIES`.

    Example:
        >>> [sorted(s) for s in subsets(["audio", "visual"])]
        [['audio'], ['visual'], ['audio', 'visual']]
    """
    if len(modalities) > MOST_MODALITIES:
        raise ColliculusError(
            f"{len(modalities)} modalities have {2 ** len(modalities) - 1:,} subsets: at most {MOST_MODALITIES} "
            "modalities can be measured exactly"
        )
    return [frozenset(s) for size in range(1, len(modalities) + 1) for s in combinations(modalities, size)]


def shapley(values: Mapping[Subset, Values]) -> dict[str, Values]:
    """Exact Shapley values: the mean gain of adding a modality, over all orders of joining.

    phi_m = sum over S without m of |S|! (M - |S| - 1)! / M! * (v(S + m) - v(S)). They sum to v(all) - v(none), equal
    modalities get equal values, and a modality that never changes anything gets zero.

    Source: Shapley, "A value for n-person games", 1953.

    Args:
        values: v(S) of every subset, with the empty one; arrays of one shape, such as one number per clip.

    Returns:
        phi of each modality, of that shape, in alphabetical order.

    Example:
        >>> v = {(): 0.5, ("a",): 0.6, ("b",): 0.8, ("a", "b"): 1.0}
        >>> {m: phi.round(3).item() for m, phi in shapley({frozenset(s): np.array(x) for s, x in v.items()}).items()}
        {'a': 0.15, 'b': 0.35}
    """
    everyone = max(values, key=len)
    count = len(everyone)
    weight = [factorial(size) * factorial(count - size - 1) / factorial(count) for size in range(count)]
    return {
        m: np.sum([weight[len(s)] * (values[s | {m}] - values[s]) for s in values if m not in s], axis=0)
        for m in sorted(everyone)
    }


def interaction(values: Mapping[Subset, Values]) -> Values:
    """Gain of all modalities together beyond the sum of their gains alone, v(M) - v(0) - sum_m (v(m) - v(0)).

    Positive: they complement each other (synergy). Negative: they overlap (redundancy).

    Args:
        values: v(S) of the empty subset, of each single modality and of all.
    """
    nothing, everyone = values[frozenset()], values[max(values, key=len)]
    alone = [values[frozenset({m})] - nothing for m in max(values, key=len)]
    return everyone - nothing - np.sum(alone, axis=0)
