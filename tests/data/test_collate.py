from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import default_collate

from colliculus.data.collate import collate, time_first
from colliculus.types import Batch, ColliculusError, DataSpec

LENGTHS = st.integers(1, 4)


@given(batch=LENGTHS, steps=LENGTHS, frame=st.tuples(LENGTHS, LENGTHS, LENGTHS))
def test_collate_puts_time_first_whatever_the_sizes(batch, steps, frame):
    sequences = torch.randn(batch, steps, *frame)
    static = torch.randn(batch, *frame)
    found = collate([({"seq": sequences[b], "still": static[b]}, b % 3) for b in range(batch)])
    assert found.inputs["seq"].shape == (steps, batch, *frame)
    assert all(torch.equal(found.inputs["seq"][:, b], sequences[b]) for b in range(batch))
    assert torch.equal(found.inputs["still"], static)
    assert found.labels.tolist() == [b % 3 for b in range(batch)]
    assert found.labels.dtype == torch.int64


@given(batch=LENGTHS, steps=LENGTHS, frame=st.tuples(LENGTHS, LENGTHS, LENGTHS))
def test_time_first_makes_of_the_usual_batch_what_collate_makes(batch, steps, frame):
    samples = [({"seq": torch.randn(steps, *frame), "still": torch.randn(frame)}, b) for b in range(batch)]
    usual, labels = default_collate(samples)
    spec = DataSpec(channels={"seq": frame[0], "still": frame[0]}, sizes={}, num_classes=2, steps={"seq": steps})
    ours = collate(samples)
    for found in (
        time_first(usual),
        time_first(usual, spec),
        time_first(Batch(usual, labels), spec).inputs,
        {m: time_first(x) for m, x in usual.items()},
    ):
        assert all(torch.equal(x, ours.inputs[m]) and x.is_contiguous() for m, x in found.items())


def test_time_first_refuses_what_is_time_first_already():
    spec = DataSpec(channels={"seq": 1}, sizes={}, num_classes=2, steps={"seq": 4})
    with pytest.raises(ColliculusError, match=r"seq has the shape \(4, 8, 1, 2, 2\).*leave the batch as it is"):
        time_first({"seq": torch.zeros(4, 8, 1, 2, 2)}, spec)
    with pytest.raises(ColliculusError, match="seq has the shape"):
        time_first({"seq": torch.zeros(8, 1, 2, 2)}, spec)


@pytest.mark.parametrize("kind", [np.uint8, np.float64, np.float16, np.int32])
def test_arrays_of_every_type_become_float32(kind):
    values = np.arange(4).reshape(1, 2, 2).astype(kind)
    found = collate([({"a": values}, 0), ({"a": values[..., ::-1].copy()}, 1)])
    assert found.inputs["a"].dtype == torch.float32
    assert found.inputs["a"][1].flatten().tolist() == [1, 0, 3, 2]


def test_soft_labels_stay_soft():
    soft = collate([({"a": torch.zeros(1, 1, 1)}, torch.tensor([0.25, 0.75], dtype=torch.float64))] * 2).labels
    assert soft.dtype == torch.float32
    assert soft.tolist() == [[0.25, 0.75]] * 2


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([({"a": torch.zeros(1, 2, 2)}, 0), ({"b": torch.zeros(1, 2, 2)}, 0)], "modalities a and another b"),
        ([({"a": torch.zeros(1, 2, 2)}, 0), ({"a": torch.zeros(1, 2, 3)}, 0)], r"shapes \(1, 2, 2\) and \(1, 2, 3\)"),
        ([({"a": torch.zeros(2, 2)}, 0)], r"a has the shape \(2, 2\): give \(C, H, W\)"),
        ([({"a": torch.zeros(1, 2, 2)}, 0.5)], r"labels of type torch.float32 and shape \(\)"),
        ([({"a": torch.zeros(1, 2, 2)}, torch.tensor([0, 1]))], r"labels of type torch.int64 and shape \(2,\)"),
    ],
)
def test_samples_that_do_not_fit_are_one_clear_sentence(samples, message):
    with pytest.raises(ColliculusError, match=message):
        collate(samples)
