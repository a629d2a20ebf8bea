from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.evaluation.shapley import interaction, shapley, subsets
from colliculus.types import ColliculusError

PLAYERS = ("audio", "tactile", "visual")
NOTHING = frozenset()
numbers = st.floats(-1, 1, allow_nan=False)
games = st.lists(numbers, min_size=8, max_size=8).map(
    lambda v: dict(zip([NOTHING, *subsets(PLAYERS)], map(np.array, v), strict=True))
)


def over_all_orders(values):
    """The mean of what each adds when it joins, over every order: Shapley's own definition, as a slow loop."""
    found = dict.fromkeys(PLAYERS, 0.0)
    orders = list(permutations(PLAYERS))
    for order in orders:
        for i, m in enumerate(order):
            found[m] += float(values[frozenset(order[: i + 1])] - values[frozenset(order[:i])]) / len(orders)
    return found


@given(games)
def test_it_is_the_mean_over_all_orders(values):
    found = shapley(values)
    for m, expected in over_all_orders(values).items():
        assert found[m] == pytest.approx(expected, abs=1e-12)


@given(games)
def test_efficiency_the_values_sum_to_what_all_have(values):
    assert sum(shapley(values).values()) == pytest.approx(values[frozenset(PLAYERS)] - values[NOTHING], abs=1e-12)


@given(games)
def test_symmetry_equal_modalities_get_equal_values(values):
    swap = {"audio": "visual", "visual": "audio", "tactile": "tactile"}
    even = {s: values[min(s, frozenset(swap[m] for m in s), key=sorted)] for s in values}
    found = shapley(even)
    assert found["audio"] == pytest.approx(found["visual"], abs=1e-12)


@given(games)
def test_dummy_who_never_changes_anything_gets_nothing(values):
    idle = {s: values[s - {"tactile"}] for s in values}
    assert shapley(idle)["tactile"] == pytest.approx(0, abs=1e-15)


@given(games, games)
def test_additivity_the_values_of_a_sum_are_the_sums(one, other):
    together = shapley({s: one[s] + other[s] for s in one})
    parts = shapley(one), shapley(other)
    for m in PLAYERS:
        assert together[m] == pytest.approx(parts[0][m] + parts[1][m], abs=1e-12)


def test_the_glove_game_by_hand():
    """Two left gloves and a right one; a pair is worth 1: the right one gets 2/3, a left one 1/6 (a textbook case)."""
    pair = [{"right", "left"}, {"right", "spare"}, {"right", "left", "spare"}]
    all_subsets = [NOTHING, *subsets(("left", "right", "spare"))]
    found = shapley({s: np.array(float(s in pair)) for s in all_subsets})
    assert found == {k: pytest.approx(v) for k, v in {"left": 1 / 6, "right": 2 / 3, "spare": 1 / 6}.items()}


def test_redundant_modalities_interact_negatively():
    same = {s: np.array(0.5 if not s else 0.9) for s in [NOTHING, *subsets(("audio", "visual"))]}
    assert interaction(same) == pytest.approx(-0.4)


def test_a_lone_modality_has_it_all():
    found = shapley({NOTHING: np.array(0.25), frozenset({"audio"}): np.array(0.75)})
    assert found == {"audio": pytest.approx(0.5)}
    assert interaction({NOTHING: np.array(0.25), frozenset({"audio"}): np.array(0.75)}) == 0


def test_too_many_modalities_are_refused():
    with pytest.raises(ColliculusError, match="2,047 subsets"):
        subsets([f"m{i}" for i in range(11)])
