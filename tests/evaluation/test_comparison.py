from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from colliculus.evaluation.comparison import compare, compare_all
from colliculus.evaluation.significance import mcnemar, permutation
from colliculus.evaluation.student import student_interval
from colliculus.evaluation.verdict import is_shown, verdict
from colliculus.types import ColliculusError


def trainings(accuracies, num_clips=200, seed=0, data=("",)):
    """Answers that are right so often, by data part and seed."""
    random = np.random.default_rng(seed)
    return {(part, k): random.random(num_clips) < share for part in data for k, share in enumerate(accuracies)}


def test_a_comparison_by_hand():
    methods = {
        "new": {("", 0): np.array([1, 1, 1, 0], dtype=bool), ("", 1): np.array([1, 1, 0, 0], dtype=bool)},
        "old": {("", 0): np.array([1, 0, 0, 0], dtype=bool), ("", 1): np.array([0, 1, 0, 1], dtype=bool)},
    }
    found = compare("new", "old", methods)
    assert found.differences == (0.5, 0.0)
    assert found.difference == 0.25
    assert found.mcnemar == ((2, 0, 0.5), (1, 1, 1.0))
    assert found.seed_interval == pytest.approx(student_interval([0.5, 0.0]))
    assert found.p_seeds == permutation([0.5, 0.0]) == 1.0
    assert found.p_clips == 0.625  # sums over seeds 1, 1, 1, -1: of sixteen choices of signs ten are as far as 2
    assert found.num_clips == 4


def test_one_training_each_is_mcnemar_alone():
    methods = {"new": trainings([0.8]), "old": trainings([0.7], seed=1)}
    found = compare("new", "old", methods)
    only_new, only_old, p = found.mcnemar[0]
    assert found.p_clips == p == mcnemar(only_new, only_old)
    assert found.difference == (only_new - only_old) / 200
    assert found.p_seeds is found.seed_interval is found.seeds_needed is None
    low, high = found.clip_interval
    assert low < found.difference < high


def test_the_other_way_round_all_signs_turn():
    methods = {"new": trainings([0.8, 0.7, 0.75]), "old": trainings([0.7, 0.7, 0.6], seed=1)}
    there, back = compare("new", "old", methods), compare("old", "new", methods)
    assert back.difference == -there.difference != 0
    assert (back.p_seeds, back.p_clips) == pytest.approx((there.p_seeds, there.p_clips))
    assert back.seed_interval == pytest.approx((-there.seed_interval[1], -there.seed_interval[0]))


def test_what_only_one_was_trained_with_is_left_out():
    methods = {"new": trainings([0.8, 0.7, 0.9]), "old": trainings([0.7, 0.6], seed=1)}
    assert compare("new", "old", methods).pairs == (("", 0), ("", 1))


def test_folds_have_clips_of_their_own():
    methods = {name: trainings([0.8, 0.7], 50, seed, ("fold 0", "fold 1")) for seed, name in enumerate(("new", "old"))}
    found = compare("new", "old", methods)
    assert (found.num_clips, len(found.pairs)) == (100, 4)
    assert found.difference == pytest.approx(np.mean(found.differences))
    assert "over 4 trainings" in verdict(found)


@pytest.mark.parametrize(
    ("old", "told"),
    [({("", 7): np.ones(200, dtype=bool)}, "no seed in common"), ({("", 0): np.ones(9, dtype=bool)}, "200 clips .* 9")],
)
def test_what_cannot_be_paired_is_told(old, told):
    with pytest.raises(ColliculusError, match=told):
        compare("new", "old", {"new": trainings([0.8]), "old": old})


def test_several_are_raised_after_holm_each_family_for_itself():
    methods = {"base": trainings([0.6] * 6)}
    methods |= {f"m{k}": trainings([0.6 + 0.06 * k] * (1 if k == 1 else 6), seed=k) for k in (1, 2, 3)}
    alone = {name: compare(name, "base", methods) for name in ("m1", "m2", "m3")}
    together = {c.first: c for c in compare_all(methods, "base")}
    assert list(together) == ["m1", "m2", "m3"]
    assert together["m1"].p_seeds is None
    smallest = min(alone.values(), key=lambda c: c.p_clips)
    assert together[smallest.first].p_clips == pytest.approx(min(3 * smallest.p_clips, 1))
    seeds = sorted((alone[name].p_seeds, name) for name in ("m2", "m3"))  # two tests have seeds
    assert together[seeds[0][1]].p_seeds == pytest.approx(min(2 * seeds[0][0], 1))
    assert all(c.num_tests == 3 for c in together.values())


def test_a_difference_counts_only_when_neither_seeds_nor_clips_explain_it():
    methods = {"good": trainings([0.9] * 6), "bad": trainings([0.5] * 6, seed=1)}
    found = compare("good", "bad", methods)
    assert is_shown(found)
    assert verdict(found).startswith("good is better than bad: +")
    assert verdict(compare("bad", "good", methods)).startswith("bad is worse than good: -")
    for doubtful in (replace(found, p_seeds=0.06), replace(found, p_clips=0.06), replace(found, p_seeds=None)):
        assert not is_shown(doubtful)
        assert "not shown to differ" in verdict(doubtful)


def test_the_sentence_says_what_is_missing():
    five = compare("new", "old", {"new": trainings([0.9] * 5), "old": trainings([0.6] * 5, seed=1)})
    told = verdict(five)
    assert "On such clips these trainings do differ" in told
    assert "p = 0.062 over 5 seeds; 5 seeds cannot give less than 0.062; about 6 seeds" in told
    close = compare("new", "old", {"new": trainings([0.72] * 8), "old": trainings([0.7] * 8, seed=1)})
    assert f"about {close.clips_needed:,} clips would show" in verdict(close)
    assert f"about {close.seeds_needed} seeds would show" in verdict(close)
    same = compare("new", "old", dict.fromkeys(("new", "old"), trainings([0.7])))
    assert "would show" not in verdict(same)
    assert "One training of each says nothing of other seeds" in verdict(same)


def test_a_table_of_many_says_so():
    methods = {name: trainings([0.7] * 3, seed=k) for k, name in enumerate("abcd")}
    assert all(verdict(c).endswith("raised after Holm for 3 tests.") for c in compare_all(methods, "a"))
