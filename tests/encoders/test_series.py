from __future__ import annotations

from itertools import product
from math import ceil

import numpy as np
import pytest
import torch
from active import assert_active, awake
from hypothesis import given, settings
from hypothesis import strategies as st

from colliculus.encoders import SpikingSeriesEncoder
from colliculus.neurons import NeuronSettings

C, D = 2, 4


@settings(max_examples=30, deadline=None)
@given(length=st.integers(1, 150), channels=st.integers(1, 7), steps=st.integers(1, 2))
def test_a_token_stands_for_eight_samples(length, channels, steps) -> None:
    encoder = SpikingSeriesEncoder(channels, length, 8)
    tokens = encoder(torch.randn(steps, 2, channels, 1, length))
    assert encoder.grid == (1, ceil(length / 8))
    assert tokens.shape == (steps, 2, 8, ceil(length / 8))


def test_a_series_of_any_length_has_no_grid() -> None:
    encoder = SpikingSeriesEncoder(C, None, 8)
    assert encoder.grid is None
    assert encoder(torch.randn(1, 2, C, 1, 33)).shape[-1] == 5


def test_axes_are_channels_and_kernels_run_over_time() -> None:
    stages = SpikingSeriesEncoder(6, 128, 32).stages
    assert [tuple(stage.conv.weight.shape) for stage in stages] == [(16, 6, 1, 5), (32, 16, 1, 5), (32, 32, 1, 5)]


def neuron_by_loop(currents, kind):
    """LIF (tau 2, threshold 1, hard reset) or graded spikes (four levels of 1, decay 1/2), and the smallest margin."""
    membrane, spikes, margin = np.zeros(currents.shape[1:]), np.zeros_like(currents), np.inf
    for t, current in enumerate(currents):
        if kind == "lif":
            membrane = membrane + (current - membrane) / 2
            margin = min(margin, np.abs(membrane - 1).min())
            spikes[t] = membrane >= 1
            membrane = np.where(spikes[t] == 1, 0, membrane)
        else:
            membrane = membrane / 2 + current
            margin = min(margin, np.abs(membrane % 1 - 0.5).min())
            spikes[t] = np.clip(np.floor(membrane + 0.5), 0, 4)
            membrane = membrane - spikes[t]
    return spikes, margin


def encoder_by_loop(weights, x, kind):
    """(T, B, C, W) -> (T, B, D, N), one number after another."""
    margin = np.inf
    for stage in range(3):
        kernel = weights[f"stages.{stage}.conv.weight"][:, :, 0]
        norm = {
            part: weights[f"stages.{stage}.norm.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        }
        steps, batch, channels, width = x.shape
        currents = np.zeros((steps, batch, len(kernel), width))
        for t, b, d, w in product(range(steps), range(batch), range(len(kernel)), range(width)):
            total = 0.0
            for c, tap in product(range(channels), range(5)):
                if 0 <= w + tap - 2 < width:
                    total += kernel[d, c, tap] * x[t, b, c, w + tap - 2]
            scaled = (total - norm["running_mean"][d]) / np.sqrt(norm["running_var"][d] + 1e-5)
            currents[t, b, d, w] = scaled * norm["weight"][d] + norm["bias"][d]
        spikes, near = neuron_by_loop(currents, kind)
        margin = min(margin, near)
        x = np.zeros((*spikes.shape[:3], ceil(width / 2)))
        for place in range(x.shape[3]):
            x[..., place] = spikes[..., max(2 * place - 1, 0) : 2 * place + 2].max(-1)
    return x, margin


@pytest.mark.parametrize(("kind", "steps"), [("lif", 3), ("graded", 1), ("graded", 2)])
def test_it_is_that_of_a_slow_loop(kind, steps) -> None:
    neuron = NeuronSettings(kind=kind, **({"levels": 4, "step": 1.0, "decay": 0.5} if kind == "graded" else {}))
    torch.manual_seed(0)
    x = torch.randn(steps, 2, C, 1, 19, dtype=torch.float64)
    encoder = awake(SpikingSeriesEncoder(C, 19, D, neuron).double(), x)
    with torch.no_grad():
        found = encoder(x)
    expected, margin = encoder_by_loop(
        {name: value.numpy() for name, value in encoder.state_dict().items()}, x[:, :, :, 0].numpy(), kind
    )
    assert margin > 1e-9
    assert_active(found)
    torch.testing.assert_close(found, torch.from_numpy(expected))
