from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from colliculus.layers import resample, stepwise


def test_stepwise_applies_the_layer_to_each_step() -> None:
    layer, x = nn.Linear(5, 3), torch.randn(4, 2, 5)
    torch.testing.assert_close(stepwise(layer, x), torch.stack([layer(step) for step in x]))


def test_nearest_takes_the_middles() -> None:
    assert resample(torch.arange(10.0), 1, "nearest").tolist() == [5]
    assert resample(torch.arange(10.0), 4, "nearest").tolist() == [1, 3, 6, 8]
    assert resample(torch.arange(2.0), 4, "nearest").tolist() == [0, 0, 1, 1]


def test_linear_resampling_by_hand() -> None:
    x = torch.tensor([[0.0, 10.0], [4.0, 20.0]])
    expected = torch.tensor([[0.0, 10.0], [0.4, 11.0], [2.0, 15.0], [3.6, 19.0], [4.0, 20.0]])
    torch.testing.assert_close(resample(x, 5, "linear"), expected)


@given(length=st.integers(1, 9), steps=st.integers(1, 9), mode=st.sampled_from(["nearest", "linear"]))
def test_resampling_keeps_order_range_and_shape(length, steps, mode) -> None:
    ramp = torch.arange(length, dtype=torch.float32)[:, None, None].expand(length, 2, 3)
    out = resample(ramp, steps, mode)
    assert out.shape == (steps, 2, 3)
    assert (out.diff(dim=0) >= 0).all()
    assert out.min() >= 0
    assert out.max() <= length - 1


@given(length=st.integers(1, 9), steps=st.integers(1, 9))
def test_nearest_leaves_spikes_spikes(length, steps) -> None:
    x = (torch.rand(length, 7, generator=torch.Generator().manual_seed(length)) < 0.5).float()
    assert set(resample(x, steps, "nearest").unique().tolist()) <= {0.0, 1.0}
