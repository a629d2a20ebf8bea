from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.data.splits import stratified_holdout
from colliculus.types import ColliculusError

LABELS = st.lists(st.integers(0, 3), min_size=2, max_size=60).map(np.array)


@given(labels=LABELS, fraction=st.floats(0.05, 0.95), seed=st.integers(0, 5))
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
