from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.format import open_memmap

from colliculus.data.dataset import Normalisation
from colliculus.data.loading import ArraySplit, epoch_batches, num_batches
from colliculus.types import ColliculusError

UNCHANGED = Normalisation(mean={}, std={})


def _numbered(count):
    """A split whose samples are their own numbers, in the labels and in the pictures."""
    numbers = np.arange(count)
    return ArraySplit({"visual": numbers.reshape(-1, 1, 1, 1)}, numbers, numbers, UNCHANGED)


def _epoch(count, **options):
    defaults = {"batch_size": 8, "seed": 0, "epoch": 0, "shuffle": True}
    return [batch.labels.tolist() for batch in epoch_batches(_numbered(count), **{**defaults, **options})]


@given(
    count=st.integers(4, 70),
    batch_size=st.integers(4, 20),
    world_size=st.integers(1, 4),
    shuffle=st.booleans(),
    epoch=st.integers(0, 3),
)
def test_over_all_ranks_every_sample_comes_once(count, batch_size, world_size, shuffle, epoch):
    options = {"batch_size": batch_size, "shuffle": shuffle, "epoch": epoch}
    ranks = [_epoch(count, **options, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert sorted(sample for rank in ranks for batch in rank for sample in batch) == list(range(count))
    assert {len(rank) for rank in ranks} == {num_batches(count, batch_size=batch_size, world_size=world_size)}
    assert all(batch for rank in ranks for batch in rank)


def test_there_are_no_more_batches_than_give_every_rank_a_sample_in_each():
    assert num_batches(5, batch_size=4, world_size=1) == 2
    assert num_batches(5, batch_size=4, world_size=4) == 1
    assert [len(_epoch(5, batch_size=4, rank=rank, world_size=4)) for rank in range(4)] == [1, 1, 1, 1]


@given(count=st.integers(4, 70), batch_size=st.integers(4, 20))
def test_batches_are_of_near_equal_size(count, batch_size):
    sizes = [len(batch) for batch in _epoch(count, batch_size=batch_size)]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


@given(count=st.integers(8, 70), world_size=st.integers(1, 3))
def test_ranks_share_the_batches_of_one_process(count, world_size):
    alone = _epoch(count)
    shared = [_epoch(count, rank=rank, world_size=world_size) for rank in range(world_size)]
    for whole, *parts in zip(alone, *shared, strict=True):
        assert sorted(whole) == sorted(sample for part in parts for sample in part)


def test_the_order_is_a_function_of_seed_and_epoch():
    first = _epoch(40, seed=1, epoch=2)
    assert first == _epoch(40, seed=1, epoch=2)
    assert first != _epoch(40, seed=1, epoch=3)
    assert first != _epoch(40, seed=2, epoch=2)
    assert _epoch(40, shuffle=False, epoch=5) == np.arange(40).reshape(5, 8).tolist()


def test_drop_incomplete_gives_full_batches_only():
    batches = _epoch(20, drop_incomplete=True)
    assert [len(batch) for batch in batches] == [8, 8]
    assert len({sample for batch in batches for sample in batch}) == 16


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (10, {"batch_size": 1, "world_size": 2}, "`batch_size` 1 is smaller than the 2 processes"),
        (0, {"batch_size": 4}, "is too small for"),
        (1, {"batch_size": 4, "world_size": 2}, "is too small for"),
        (3, {"batch_size": 4, "drop_incomplete": True}, "lower `batch_size`"),
    ],
)
def test_no_batch_for_some_rank(count, options, message):
    with pytest.raises(ColliculusError, match=message):
        num_batches(count, **options)


def test_array_split_puts_time_first_and_standardises(tmp_path):
    stored = open_memmap(tmp_path / "visual.npy", mode="w+", dtype=np.uint8, shape=(5, 3, 2, 4, 6))
    stored[:] = np.random.default_rng(0).integers(0, 256, stored.shape)
    sound = np.arange(5.0).reshape(5, 1, 1, 1)
    split = ArraySplit(
        {"audio": sound, "visual": stored},
        np.array([1, 0, 1]),
        np.array([4, 0, 2]),
        Normalisation(mean={"audio": (1.0,)}, std={"audio": (2.0,)}),
    )
    batch = split.batch(np.array([2, 0]), epoch=9)
    assert batch.labels.tolist() == [1, 1]
    assert batch.inputs["audio"].ravel().tolist() == [0.5, 1.5]
    visual = batch.inputs["visual"]
    assert visual.shape == (3, 2, 2, 4, 6)
    assert visual.dtype == torch.float32
    assert visual.is_contiguous()
    np.testing.assert_array_equal(visual[1, 0], stored[2, 1])


def test_a_batch_is_a_copy():
    split = ArraySplit({"audio": np.zeros((2, 1, 1, 1), np.float32)}, np.array([0, 1]), np.array([0, 1]), UNCHANGED)
    batch = split.batch(np.array([0, 1]), epoch=0)
    batch.inputs["audio"] += 1
    batch.labels.add_(5)
    again = split.batch(np.array([0, 1]), epoch=0)
    assert again.inputs["audio"].sum() == 0
    assert again.labels.tolist() == [0, 1]


def test_labels_belong_to_rows():
    with pytest.raises(ColliculusError, match="2 samples was given 3 labels"):
        ArraySplit({}, np.arange(3), np.arange(2), UNCHANGED)
