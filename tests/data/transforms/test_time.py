from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.data.transforms.time import resample_steps
from colliculus.types import ColliculusError


def _frames(values, dtype=np.float32):
    return np.array(values, dtype=dtype).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("mode", "steps", "expected"),
    [
        ("nearest", 6, [0, 0, 10, 10, 20, 20]),
        ("nearest", 2, [0, 20]),
        ("nearest", 1, [10]),
        ("linear", 6, [0, 2.5, 7.5, 12.5, 17.5, 20]),
        ("linear", 1, [10]),
    ],
)
def test_by_hand(mode, steps, expected):
    assert resample_steps(_frames([0, 10, 20]), steps, mode).ravel().tolist() == expected


@given(count=st.integers(1, 12), steps=st.integers(1, 12), mode=st.sampled_from(["nearest", "linear"]))
def test_order_and_range_are_kept(count, steps, mode):
    frames = np.arange(count * 6, dtype=np.float32).reshape(count, 1, 2, 3)
    resampled = resample_steps(frames, steps, mode)
    assert resampled.shape == (steps, 1, 2, 3)
    assert (np.diff(resampled, axis=0) >= 0).all()
    assert resampled.min() >= 0
    assert resampled.max() <= frames.max()


@given(count=st.integers(1, 12), mode=st.sampled_from(["nearest", "linear"]))
def test_the_same_number_of_steps_changes_nothing(count, mode):
    frames = _frames(np.random.default_rng(count).normal(size=count))
    np.testing.assert_array_equal(resample_steps(frames, count, mode), frames)


def test_nearest_keeps_the_type():
    assert resample_steps(_frames([1, 2], np.uint8), 3).dtype == np.uint8


@pytest.mark.parametrize(("count", "steps"), [(0, 3), (3, 0)])
def test_nothing_to_resample(count, steps):
    with pytest.raises(ColliculusError, match="at least 1"):
        resample_steps(_frames(range(count)), steps)
