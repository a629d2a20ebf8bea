"""Balanced sampling, by counts, by repetition and over ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.data.dataset import Normalisation
from colliculus.data.loading import ArraySplit, epoch_batches
from colliculus.data.sampling import epoch_order


def test_every_sample_once_is_the_permutation_of_seed_and_epoch():
    labels = np.array([0, 0, 1, 0, 1])
    found = epoch_order(labels, "each", seed=3, epoch=7)
    assert found.tolist() == np.random.default_rng([3, 7]).permutation(5).tolist()


@given(counts=st.lists(st.integers(0, 12), min_size=1, max_size=5).filter(any), seed=st.integers(0, 9))
def test_classes_come_equally_often_and_a_sample_again_after_all_others(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    order = epoch_order(labels, "balanced", seed=seed, epoch=1)
    assert len(order) == len(labels)
    drawn = [int((labels[order] == k).sum()) for k, count in enumerate(counts) if count]
    assert max(drawn) - min(drawn) <= 1
    for k in np.unique(labels):
        often = np.bincount(order[labels[order] == k], minlength=len(labels))[labels == k]
        assert often.max() - often.min() <= 1


def test_epochs_differ_and_the_same_epoch_is_the_same():
    labels = np.repeat([0, 1], [20, 4])
    first, again, next_one = (epoch_order(labels, "balanced", seed=0, epoch=epoch) for epoch in (0, 0, 1))
    assert first.tolist() == again.tolist() != next_one.tolist()
    assert set(first[labels[first] == 0]) != set(next_one[labels[next_one] == 0])  # 12 of 20 each time
    assert first.tolist() != sorted(first.tolist(), key=lambda row: labels[row])  # the classes are mixed


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_share_out_one_order(world_size):
    labels = np.repeat([0, 1], [20, 4])
    split = ArraySplit({"x": np.arange(24.0).reshape(24, 1, 1, 1)}, labels, np.arange(24), Normalisation({}, {}))
    options = {"batch_size": 8, "seed": 5, "epoch": 2, "shuffle": True, "sampling": "balanced"}
    ranks = [list(epoch_batches(split, **options, rank=r, world_size=world_size)) for r in range(world_size)]
    for batches in zip(*ranks, strict=True):
        assert sum(len(batch) for batch in batches) == 8
    rows = sorted(int(x) for batches in ranks for batch in batches for x in batch.inputs["x"].flatten())
    assert rows == sorted(epoch_order(labels, "balanced", seed=5, epoch=2).tolist())
    assert sum(int(batch.labels.sum()) for batches in ranks for batch in batches) == 12
