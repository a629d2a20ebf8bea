from __future__ import annotations

import itertools
import time
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colliculus.corpus.splits import stratified_folds, stratified_holdout, stratified_parts
from colliculus.types import ColliculusError

LABELS = st.lists(st.integers(0, 3), min_size=2, max_size=60).map(np.array)


@given(labels=LABELS, fraction=st.floats(0.05, 0.95), seed=st.integers(0, 5))
@settings(max_examples=50)
def test_every_class_is_cut_in_proportion(labels, fraction, seed):
    counts = np.bincount(labels)
    if counts.max() < 2:
        return
    kept, held = stratified_holdout(labels, fraction=fraction, seed=seed)
    assert sorted([*kept, *held]) == list(range(len(labels)))
    for label, count in enumerate(counts):
        taken = int((labels[held] == label).sum())
        if count > 1:
            assert 1 <= taken <= count - 1
            assert taken == pytest.approx(fraction * count, abs=1)
        else:
            assert taken == 0


@given(labels=LABELS, seed=st.integers(0, 5), num_groups=st.integers(2, 8))
@settings(max_examples=50)
def test_no_group_is_on_both_sides(labels, seed, num_groups):
    groups = np.random.default_rng(seed).integers(0, num_groups, len(labels))
    if all(set(labels) - set(labels[groups != group]) for group in groups):  # each holds the whole of a class
        with pytest.raises(ColliculusError, match=r"no group can be held out.*`group\.npy`"):
            stratified_holdout(labels, fraction=0.3, seed=seed, groups=groups)
        return
    kept, held = stratified_holdout(labels, fraction=0.3, seed=seed, groups=groups)
    assert sorted([*kept, *held]) == list(range(len(labels)))
    assert len(held)
    assert set(labels[kept]) == set(labels)
    assert not set(groups[kept]) & set(groups[held])


def test_groups_meet_the_share_of_each_class():
    labels, groups = np.tile([0, 1], 100), np.repeat(np.arange(20), 10)  # 20 speakers with 5 samples of each class
    _, held = stratified_holdout(labels, fraction=0.2, seed=3, groups=groups)
    assert np.bincount(labels[held]).tolist() == [20, 20]
    assert len(np.unique(groups[held])) == 4


def test_a_class_of_one_group_stays_in_training():
    labels, groups = np.array([0, 0, 0, 0, 1, 1]), np.array(["a", "b", "c", "d", "e", "e"])
    kept, _ = stratified_holdout(labels, fraction=0.3, seed=0, groups=groups)
    assert {4, 5} <= set(kept.tolist())


def test_the_smallest_group_that_leaves_every_class_is_held_out_where_all_are_too_large():
    labels, groups = np.array([0, 0, 0, 1, 0, 0, 2, 2, 1]), np.array(list("aaaabbccc"))
    _, held = stratified_holdout(labels, fraction=0.1, seed=0, groups=groups)  # c holds all of class 2
    assert held.tolist() == [4, 5]
    _, held = stratified_holdout(labels, fraction=0.1, seed=0, groups=np.array(list("aaaabbddd")))
    assert held.tolist() == [4, 5]
    with pytest.raises(ColliculusError, match=r"no group can be held out.*`group\.npy`"):
        stratified_holdout(np.arange(12) % 2, fraction=0.1, seed=0, groups=np.arange(12) % 2)


def test_something_of_every_class_is_held_out_where_its_groups_allow_it():
    told = [(f"g{i}", "cat", 4) for i in range(6)] + [(f"h{i}", "dog", 2) for i in range(6)]
    told += [(f"{c}{i}", f"class {c}", 10) for c in range(6) for i in range(3)]  # each group is larger than the share
    labels = np.repeat([label for _, label, _ in told], [n for _, _, n in told])
    groups = np.repeat([group for group, _, _ in told], [n for _, _, n in told])
    kept, held = stratified_holdout(labels, fraction=0.1, seed=0, groups=groups)
    assert set(labels[held]) == set(labels[kept]) == set(labels)
    assert not set(groups[held]) & set(groups[kept])
    assert len(np.unique(groups[held])) == 8  # no more than one of each class


def test_the_seed_decides():
    labels = np.repeat([0, 1], 50)
    first, again, other = (stratified_holdout(labels, fraction=0.2, seed=seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_fraction_out_of_range(fraction):
    with pytest.raises(ColliculusError, match="between 0 and 1"):
        stratified_holdout(np.array([0, 0, 1, 1]), fraction=fraction, seed=0)


def test_too_little_to_divide():
    with pytest.raises(ColliculusError, match="two samples"):
        stratified_holdout(np.array([0, 1]), fraction=0.5, seed=0)
    with pytest.raises(ColliculusError, match=r"`group\.npy`"):
        stratified_holdout(np.array([0, 0]), fraction=0.5, seed=0, groups=np.array([7, 7]))
    with pytest.raises(ColliculusError, match=r"`group\.npy`"):
        stratified_holdout(np.array([], dtype=int), fraction=0.5, seed=0, groups=np.array([], dtype=int))


@given(labels=LABELS, folds=st.integers(2, 6), seed=st.integers(0, 5))
@settings(max_examples=50)
def test_folds_differ_by_one_sample_of_each_class_and_of_all(labels, folds, seed):
    if len(labels) < folds:
        with pytest.raises(ColliculusError, match=r"sample\(s\) cannot fill"):
            stratified_folds(labels, folds=folds, seed=seed)
        return
    fold = stratified_folds(labels, folds=folds, seed=seed)
    for chosen in (np.ones(len(labels), dtype=bool), *(labels == label for label in set(labels))):
        counts = np.bincount(fold[chosen], minlength=folds)
        assert counts.sum() == chosen.sum()
        assert np.ptp(counts) <= 1


@given(labels=LABELS, shares=st.lists(st.integers(1, 9), min_size=2, max_size=4), seed=st.integers(0, 5))
@settings(max_examples=50)
def test_parts_have_the_sizes_asked_for(labels, shares, seed):
    shares = np.array(shares) / sum(shares)
    if len(labels) < len(shares):
        return
    part = stratified_parts(labels, shares=shares, seed=seed)
    for label in set(labels):
        chosen = labels == label
        counts = np.bincount(part[chosen], minlength=len(shares))
        assert np.abs(counts - shares * chosen.sum()).max() <= 2
    assert np.abs(np.bincount(part, minlength=len(shares)) - shares * len(labels)).max() < len(shares)


@given(labels=LABELS, folds=st.integers(2, 4), seed=st.integers(0, 5), num_groups=st.integers(1, 12))
@settings(max_examples=50)
def test_every_group_is_in_one_fold_and_no_fold_is_empty(labels, folds, seed, num_groups):
    groups = np.array(list("abcdefghijkl"))[np.random.default_rng(seed).integers(0, num_groups, len(labels))]
    number = len(set(groups))
    if number < folds:
        with pytest.raises(ColliculusError, match=rf"{number} group\(s\) cannot fill {folds} parts"):
            stratified_folds(labels, folds=folds, seed=seed, groups=groups)
        return
    fold = stratified_folds(labels, folds=folds, seed=seed, groups=groups)
    assert set(fold) == set(range(folds))
    assert all(len(set(fold[groups == group])) == 1 for group in groups)
    again = stratified_folds(labels, folds=folds, seed=seed, groups=groups)
    assert again.tolist() == fold.tolist()


def imbalance(strata, part, shares):
    """The squared differences between what each part holds of each stratum, and of all, and what it should hold."""
    chosen = [strata == stratum for stratum in sorted(set(strata))] + [np.ones(len(strata), dtype=bool)]
    return sum(
        ((rows & (part == p)).sum() - share * rows.sum()) ** 2 / rows.sum()
        for rows in chosen
        for p, share in enumerate(shares)
    )


@pytest.mark.parametrize("case", range(40))
def test_groups_are_spread_as_evenly_as_they_can_be(case):
    rng = np.random.default_rng(case)
    num_groups = int(rng.integers(3, 7))
    shares = [0.5, 0.5] if case % 2 else list(rng.dirichlet([3, 3, 3]))
    groups = np.concatenate([np.arange(num_groups), rng.integers(0, num_groups, 16)])
    strata = rng.integers(0, 3, len(groups))
    every_way = (np.array(way)[groups] for way in itertools.product(range(len(shares)), repeat=num_groups))
    best = min(imbalance(strata, part, shares) for part in every_way if len(set(part)) == len(shares))
    found = stratified_parts(strata, shares=shares, seed=case, groups=groups)
    assert imbalance(strata, found, shares) == pytest.approx(best)


def test_speakers_of_every_class_are_spread_by_their_stratum():
    speakers = np.repeat(np.arange(91), 82)  # CREMA-D in small: every actor says every class, 48 are men
    strata = np.char.add(np.tile(list("abcdef"), 91 * 82)[: len(speakers)], np.where(speakers < 48, "m", "f"))
    fold = stratified_folds(strata, folds=5, seed=0, groups=speakers)
    men = [len(set(speakers[(fold == f) & (speakers < 48)])) for f in range(5)]
    assert sorted(men) == [9, 9, 10, 10, 10]
    assert sorted(len(set(speakers[fold == f])) for f in range(5)) == [18, 18, 18, 18, 19]


def test_the_seed_decides_the_folds():
    strata, groups = np.tile([0, 1], 60), np.repeat(np.arange(30), 4)
    for grouped in (None, groups):
        first, again, other = (stratified_folds(strata, folds=3, seed=s, groups=grouped).tolist() for s in (0, 0, 1))
        assert first == again
        assert first != other


def test_many_groups_are_packed_in_seconds():
    rng = np.random.default_rng(0)
    groups, strata = rng.integers(0, 10_000, 20_000), rng.integers(0, 10, 20_000)
    before = time.process_time()
    fold = stratified_folds(strata, folds=5, seed=0, groups=groups)
    assert time.process_time() - before < 10  # 1 s on the machine it was written on
    assert all(np.ptp(np.bincount(fold[strata == stratum])) <= 2 for stratum in range(10))


@pytest.mark.parametrize("shares", [[0.5, 0.6], [1.5, -0.5], [1.0, 0.0], [float("nan"), 0.5]])
def test_shares_out_of_range(shares):
    with pytest.raises(ColliculusError, match="must be positive and sum to 1"):
        stratified_parts(np.arange(4), shares=shares, seed=0)


def test_one_fold_is_none():
    with pytest.raises(ColliculusError, match="there are 1 folds: use at least 2"):
        stratified_folds(np.arange(4), folds=1, seed=0)


def test_a_division_never_changes():
    """Recorded with version 0.2: numbers measured on a division can only be compared while it stays the same."""
    rng = np.random.default_rng(3)
    labels = rng.choice(["a", "b", "c"], 240, p=[0.6, 0.3, 0.1])
    speakers, recordings = rng.choice(14, 240, p=rng.dirichlet(np.ones(14))), rng.choice(60, 240)
    parts = [0.7, 0.2, 0.1]
    found = {
        736810762: stratified_holdout(labels, fraction=0.15, seed=4)[1],
        1550523841: stratified_holdout(labels, fraction=0.3, seed=4, groups=speakers)[1],
        1434646325: stratified_holdout(labels, fraction=0.1, seed=4, groups=recordings)[1],
        1589955001: stratified_folds(labels, folds=5, seed=4),
        2694775179: stratified_folds(labels, folds=4, seed=4, groups=speakers),
        461735610: stratified_parts(labels, shares=parts, seed=4, groups=recordings),
        1265545861: stratified_parts(labels, shares=parts, seed=4),
    }
    assert [crc32(rows.astype("<i8").tobytes()) for rows in found.values()] == [*found]


def test_samples_of_one_class_are_divided_by_groups():
    one = np.zeros(12, dtype=np.int64)
    _, held = stratified_holdout(one, fraction=0.25, seed=0, groups=np.arange(12) // 3)
    assert len(held) == 3
    assert np.bincount(stratified_folds(one, folds=2, seed=0, groups=np.arange(12) // 3)).tolist() == [6, 6]


def test_as_many_samples_or_groups_as_parts_are_enough():
    assert sorted(stratified_folds(np.array([0, 0]), folds=2, seed=0).tolist()) == [0, 1]
    assert sorted(stratified_folds(np.array([0, 1, 0]), folds=3, seed=0, groups=np.arange(3)).tolist()) == [0, 1, 2]
