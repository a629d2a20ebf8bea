"""ReLUs of the ANN counterpart, of any precision and of few bits."""

from __future__ import annotations

from itertools import product
from math import ceil, floor, log2

import pytest
import torch

from colliculus.neurons import NeuronSettings, QuantisedReLU, bits_of
from colliculus.neurons.relu import quantised_relu
from colliculus.types import ColliculusError


def test_t_spikes_say_as_much_as_so_many_bits() -> None:
    for steps in range(1, 40):
        assert bits_of(steps) == ceil(log2(steps + 1))
        counts = {sum(spikes) for spikes in product((0, 1), repeat=steps)} if steps < 8 else set(range(steps + 1))
        assert len(counts) <= 2 ** bits_of(steps)


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_the_values_are_evenly_spaced_and_the_nearest_is_sent(bits) -> None:
    top = 2**bits - 1
    x = torch.linspace(-1, 3, 101, dtype=torch.float64)
    found = quantised_relu(x, torch.tensor(0.4, dtype=torch.float64), top)
    assert found.unique().tolist() == pytest.approx([0.4 * k for k in range(top + 1)])
    for value, sent in zip(x.tolist(), found.tolist(), strict=True):
        whole = min(max(value / 0.4, 0), top)
        assert abs(whole - round(sent / 0.4)) <= 0.5 + 1e-12
        assert sent / 0.4 == pytest.approx(floor(whole + 0.5)) or abs(whole % 1 - 0.5) < 1e-9


def test_gradients_are_those_of_the_paper() -> None:
    """Straight through for x; for s: round(u) - u inside the range, the top above it, 0 below."""
    x = torch.tensor([-1.0, 0.3, 0.9, 5.0], requires_grad=True)
    scale = torch.tensor(0.5, requires_grad=True)
    parts = [torch.autograd.grad(y, (x, scale), retain_graph=True) for y in quantised_relu(x, scale, 3)]
    assert [of_x.sum().item() for of_x, _ in parts] == [0, 1, 1, 0]
    assert [of_s.item() for _, of_s in parts] == pytest.approx([0, 1 - 0.6, 2 - 1.8, 3])


def test_the_neuron_starts_with_a_range_of_two_and_runs_every_step() -> None:
    neuron = NeuronSettings(kind="relu", bits=3)()
    assert isinstance(neuron, QuantisedReLU)
    assert neuron(torch.full((1, 4), 9.0)).unique().item() == pytest.approx(2.0)
    assert neuron(torch.ones(1, 4), 5).shape == (5, 4)
    assert neuron.keeps_order(9)
    order = neuron(torch.linspace(-1, 3, 50)[None])[0]
    assert (order.diff() >= 0).all()
    assert order.unique().numel() == 8


def test_bits_are_checked_and_belong_to_the_relu() -> None:
    for bits in (0, 17):
        with pytest.raises(ColliculusError, match=f"`bits` is {bits}: choose 1 to 16"):
            NeuronSettings(kind="relu", bits=bits)
    with pytest.raises(ColliculusError, match="`bits` is 3"):
        NeuronSettings(bits=3)
