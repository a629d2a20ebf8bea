from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from colliculus.evaluation.paired import paired_test, paired_tests, repeated
from colliculus.evaluation.significance import holm, mcnemar, permutation, smallest_p, student_interval
from colliculus.evaluation.verdict import p_value, verdict
from colliculus.types import ColliculusError


def trainings(accuracies, num_clips=200, seed=0, data=("",)):
    """Correctness with these accuracies, by test part and seed."""
    random = np.random.default_rng(seed)
    return {(part, k): random.random(num_clips) < share for part in data for k, share in enumerate(accuracies)}


def test_a_comparison_by_hand():
    methods = {
        "new": {("", 0): np.array([1, 1, 1, 0], dtype=bool), ("", 1): np.array([1, 1, 0, 0], dtype=bool)},
        "old": {("", 0): np.array([1, 0, 0, 0], dtype=bool), ("", 1): np.array([0, 1, 0, 1], dtype=bool)},
    }
    found = paired_test("new", "old", methods)
    assert found.differences == (0.5, 0.0)
    assert found.difference == 0.25
    assert found.mcnemar == ((2, 0, 0.5), (1, 1, 1.0))
    assert found.seed_interval == pytest.approx(student_interval([0.5, 0.0]))
    assert found.p_seeds == permutation([0.5, 0.0]) == 1.0
    assert found.p_clips == 0.625  # sums over seeds 1, 1, 1, -1: of sixteen choices of signs ten are as far as 2
    assert found.num_clips == 4


def test_one_training_each_is_mcnemar_alone():
    methods = {"new": trainings([0.8]), "old": trainings([0.7], seed=1)}
    found = paired_test("new", "old", methods)
    only_new, only_old, p = found.mcnemar[0]
    assert p == mcnemar(only_new, only_old) == pytest.approx(found.p_clips, rel=1e-12)
    assert found.difference == (only_new - only_old) / 200
    assert found.p_seeds is found.seed_interval is found.seeds_needed is None
    low, high = found.clip_interval
    assert low < found.difference < high


def test_the_other_way_round_all_signs_turn():
    methods = {"new": trainings([0.8, 0.7, 0.75]), "old": trainings([0.7, 0.7, 0.6], seed=1)}
    there, back = paired_test("new", "old", methods), paired_test("old", "new", methods)
    assert back.difference == -there.difference != 0
    assert (back.p_seeds, back.p_clips) == pytest.approx((there.p_seeds, there.p_clips))
    assert back.seed_interval == pytest.approx((-there.seed_interval[1], -there.seed_interval[0]))


def test_what_only_one_was_trained_with_is_left_out():
    methods = {"new": trainings([0.8, 0.7, 0.9]), "old": trainings([0.7, 0.6], seed=1)}
    assert paired_test("new", "old", methods).pairs == (("", 0), ("", 1))


def test_each_fold_counts_once_however_often_it_was_trained():
    folds = [f"fold {k}" for k in range(3)]
    methods = {name: trainings([0.8, 0.7], 50, seed, folds) for seed, name in enumerate(("new", "old"))}
    found = paired_test("new", "old", methods)
    assert (found.num_clips, len(found.pairs), found.repeats) == (150, 6, "test parts")
    gains = [
        np.mean([methods["new"][fold, k].mean() - methods["old"][fold, k].mean() for k in (0, 1)]) for fold in folds
    ]
    assert found.differences == pytest.approx(gains)
    assert found.difference == pytest.approx(np.mean(gains))
    assert found.p_seeds == permutation(gains)
    assert found.seed_interval == pytest.approx(student_interval(gains))
    assert "over 3 test parts" in verdict(found)


def test_methods_that_are_equal_over_folds_are_called_different_once_in_twenty():
    random = np.random.default_rng(0)
    shown, studies = 0, 1000
    for _ in range(studies):  # each fold favours one of them, all its seeds alike
        liked = random.normal(0, 2, 6)
        gains = {(f"fold {k}", seed): liked[k] + random.normal() for k in range(6) for seed in (0, 1)}
        shown += permutation(repeated(gains)) < 0.05
    assert shown <= studies * 0.05 + 2 * (studies * 0.05 * 0.95) ** 0.5


def test_folds_of_unlike_size_have_one_difference_and_one_interval():
    new = {("small", 0): np.ones(10, dtype=bool), ("large", 0): np.arange(1000) < 10}
    old = {("small", 0): np.zeros(10, dtype=bool), ("large", 0): np.zeros(1000, dtype=bool)}
    found = paired_test("new", "old", {"new": new, "old": old})
    assert found.difference == pytest.approx((1 + 0.01) / 2)
    low, high = found.clip_interval
    assert low < found.difference < high


@pytest.mark.parametrize(
    ("old", "message"),
    [({("", 7): np.ones(200, dtype=bool)}, "no seed in common"), ({("", 0): np.ones(9, dtype=bool)}, "200 clips .* 9")],
)
def test_what_cannot_be_paired_is_told(old, message):
    with pytest.raises(ColliculusError, match=message):
        paired_test("new", "old", {"new": trainings([0.8]), "old": old})


def test_what_holm_raises_is_the_larger_of_both_p_values():
    methods = {"base": trainings([0.6] * 8)}
    methods |= {f"m{k}": trainings([0.6 + 0.02 * k] * (1 if k == 1 else 8), seed=k) for k in (1, 2, 3, 4)}
    together = paired_tests(methods, "base")
    alone = [paired_test(c.first, "base", methods) for c in together]
    assert [(c.p_seeds, c.p_clips) for c in together] == [(c.p_seeds, c.p_clips) for c in alone]
    assert together[0].p is together[0].p_seeds is None  # one training: no test over seeds, and no part in the family
    assert [c.num_tests for c in together[1:]] == [3, 3, 3]
    assert [c.p for c in together[1:]] == pytest.approx(holm([max(c.p_seeds, c.p_clips) for c in alone[1:]]))
    assert alone[1].p == max(alone[1].p_seeds, alone[1].p_clips)


def test_the_least_p_is_what_holm_makes_of_the_smallest():
    methods = {"base": trainings([0.5] * 10), "six": trainings([0.9] * 6, seed=1), "ten": trainings([0.9] * 10, seed=2)}
    six, ten = paired_tests(methods, "base")
    assert ten.p == ten.least_p == 2 * smallest_p(10)
    assert six.p == six.least_p == smallest_p(6) == 0.03125  # the other, smaller one took the factor of two
    assert six.is_shown
    methods["ten"] = methods["base"]
    six, _ = paired_tests(methods, "base")
    assert six.p == six.least_p == 2 * smallest_p(6)
    assert not six.is_shown
    assert "With 6 seeds and 2 tests p cannot be below 0.062." in verdict(six)


def test_a_difference_counts_only_when_neither_seeds_nor_clips_explain_it():
    methods = {"good": trainings([0.9] * 6), "bad": trainings([0.5] * 6, seed=1)}
    found = paired_test("good", "bad", methods)
    assert found.is_shown
    assert verdict(found).startswith("good is better than bad: +")
    assert verdict(paired_test("bad", "good", methods)).startswith("bad is worse than good: -")
    for doubtful in (replace(found, p=0.06), replace(found, p=None)):
        assert not doubtful.is_shown
        assert "not shown to differ" in verdict(doubtful)
    five = {"good": trainings([0.9] * 5), "bad": trainings([0.5] * 5, seed=1)}
    assert not paired_test("good", "bad", five).is_shown
    alike = {"good": trainings([0.72] * 6, 20), "bad": trainings([0.7] * 6, 20)}
    assert paired_test("good", "bad", alike).p_clips > 0.05
    assert not paired_test("good", "bad", alike).is_shown


def test_the_sentence_says_what_is_missing():
    five = paired_test("new", "old", {"new": trainings([0.9] * 5), "old": trainings([0.6] * 5, seed=1)})
    sentence = verdict(five)
    assert "On these clips the trainings differ" in sentence
    assert "p = 0.062 over 5 seeds; about 6 seeds" in sentence
    assert sentence.endswith("With 5 seeds p cannot be below 0.062.")
    close = paired_test("new", "old", {"new": trainings([0.72] * 8), "old": trainings([0.7] * 8, seed=1)})
    assert f"about {close.clips_needed:,} clips would show" in verdict(close)
    assert f"about {close.seeds_needed} seeds would show" in verdict(close)
    same = paired_test("new", "old", dict.fromkeys(("new", "old"), trainings([0.7])))
    assert "would show" not in verdict(same)
    assert verdict(same).startswith("With one pair of trainings, these clips do not tell new from old: +0.0 points")


def test_one_training_of_each_is_spoken_of_once():
    """Where the clips differ, it is not said that nothing is shown; and the methods are not judged."""
    pair = {"new": trainings([0.9]), "old": trainings([0.5], seed=1)}
    sentence = verdict(paired_test("new", "old", pair))
    assert sentence.startswith("With one pair of trainings, that of new is better than that of old: +")
    assert sentence.endswith("For a result about the methods train several seeds of both.")
    assert "not shown" not in sentence
    assert verdict(paired_test("old", "new", pair)).startswith("With one pair of trainings, that of old is worse than")


def test_a_table_of_many_says_so():
    methods = {name: trainings([0.7] * 8, seed=k) for k, name in enumerate("abcd")}
    found = paired_tests(methods, "a")
    assert all(f"Both together, adjusted for 3 tests (Holm): p = {p_value(c.p)}." in verdict(c) for c in found)
