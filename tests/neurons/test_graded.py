"""Graded neurons: a trace by hand, a slow loop, and the binary spikes that they stand for."""

from __future__ import annotations

import itertools
from math import floor

import numpy as np
import pytest
import torch
from active import assert_active
from hypothesis import given
from hypothesis import strategies as st

from colliculus import ColliculusError
from colliculus.neurons import GradedDynamics, GradedNeuron, NeuronSettings, ReLUNeuron, fold, graded, unfold
from colliculus.neurons.kernels.choice import KERNELS
from colliculus.neurons.levels import level

OPTIONS = [
    {"detach_reset": detach, "temporal_gradient": through}
    for detach, through in itertools.product((True, False), (True, False))
]


def by_hand(currents, weights, *, decay, levels, step, detach_reset, temporal_gradient):
    """Spikes of one neuron, and d(sum_t w_t s_t) / dI_t by the chain rule written out step by step."""
    left, before_reset, spikes = 0.0, [], []
    for current in currents:
        v = decay * left + current
        k = min(max(floor(v / step + 0.5), 0), levels)
        before_reset.append(v)
        spikes.append(step * k)
        left = v - step * k
    gradients, from_later = np.zeros(len(currents)), 0.0
    for t in reversed(range(len(currents))):
        inside = 1.0 if 0 <= before_reset[t] <= levels * step else 0.0
        of_membrane = weights[t] * inside + from_later * (1.0 if detach_reset else 1.0 - inside)
        gradients[t] = of_membrane
        from_later = of_membrane * decay if temporal_gradient else 0.0
    return spikes, gradients


@pytest.fixture(params=["plain", "eager", "native"])
def kernel(request, monkeypatch):
    if KERNELS[request.param].missing():
        pytest.skip("no C compiler when the package was installed")
    monkeypatch.setenv("COLLICULUS_KERNELS", request.param)
    return request.param


def test_trace_by_hand(kernel) -> None:
    # v: 1.25, 2.5 levels: up to 3, -0.25 left; -0.125 + 0.375 = 0.25, half a level: up to 1, -0.25 left; -1.125: none,
    # all is left; -0.5625 + 9: 4 levels at most, 6.4375 left; 3.21875: 4 levels, 1.21875 left
    currents = torch.tensor([1.25, 0.375, -1.0, 9.0, 0.0]).unsqueeze(1)
    assert graded(currents, 0.5, GradedDynamics(levels=4)).flatten().tolist() == [1.5, 0.5, 0, 2.0, 2.0]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(map(str, o.values())))
def test_spikes_and_gradients_equal_a_slow_loop(options, kernel) -> None:
    generator = np.random.default_rng(0)
    currents, weights = generator.normal(0.8, 1.5, (9, 40)), generator.normal(size=(9, 40))
    x = torch.tensor(currents, requires_grad=True)
    spikes = graded(x, 0.4, GradedDynamics(levels=3, step=0.5, **options))
    spikes.backward(torch.tensor(weights))
    assert set(spikes.unique().tolist()) == {0, 0.5, 1, 1.5}
    for n in range(currents.shape[1]):
        expected, gradients = by_hand(currents[:, n], weights[:, n], decay=0.4, levels=3, step=0.5, **options)
        assert spikes[:, n].tolist() == expected
        np.testing.assert_allclose(x.grad[:, n], gradients, rtol=1e-12, atol=1e-14)


@given(st.floats(-50, 50, width=32), st.integers(1, 12))
def test_a_half_is_rounded_up(u, levels) -> None:
    """The level is the number of thresholds 0.5, 1.5, ... that are reached."""
    reached = sum(u >= k - 0.5 for k in range(1, levels + 1))
    assert level(torch.tensor(u), levels).item() == reached
    assert level(torch.tensor(reached - 0.5), levels).item() == reached


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("levels", "step", "decay"), [(8, 0.5, 0.5), (1, 1.0, 0.9), (16, 0.25, 1.0), (4, 2.0, 0.0)])
def test_it_unfolds_into_binary_spikes_to_the_last_bit(levels, step, decay, dtype) -> None:
    neuron = GradedNeuron(decay=decay, dynamics=GradedDynamics(levels=levels, step=step))
    generator = torch.Generator().manual_seed(levels)
    ties = torch.randint(-3, 2 * levels + 3, (7, 50), generator=generator) * (step / 2)  # on the thresholds themselves
    noise = torch.randn(7, 500, generator=generator) * levels * step
    currents = torch.cat([ties, noise], 1).to(dtype)
    spikes, binary = neuron(currents), unfold(neuron)(currents)
    assert_active(spikes)
    assert binary.shape == (7 * levels, 550)
    assert set(binary.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(fold(binary, neuron.dynamics), spikes)
    assert torch.equal(unfold(neuron)(currents[:1], steps=3), unfold(neuron)(currents[:1].expand(3, -1)))


def test_a_linear_map_of_the_binary_spikes_is_that_of_the_graded_ones() -> None:
    torch.manual_seed(0)
    neuron, linear = GradedNeuron(decay=0.5), torch.nn.Linear(20, 5, bias=False).double()
    currents = torch.randn(4, 3, 20, dtype=torch.float64) * 2
    by_spikes = linear(unfold(neuron)(currents)).unflatten(0, (4, 8)).sum(1) * neuron.unit
    assert_active(by_spikes)
    torch.testing.assert_close(by_spikes, linear(neuron(currents)), rtol=1e-12, atol=1e-12)


def test_without_temporal_gradient_steps_are_alone() -> None:
    x = torch.full((3, 1), 0.9, requires_grad=True)
    dynamics = GradedDynamics(temporal_gradient=False)
    (gradient,) = torch.autograd.grad(graded(x, 0.5, dynamics=dynamics)[2].sum(), x)
    assert gradient.flatten().tolist() == [0, 0, 1]
    (through,) = torch.autograd.grad(graded(x, 0.5)[2].sum(), x)
    assert through.flatten().tolist() == [0.25, 0.5, 1]  # the decays that are left, and the reset is detached


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_membranes_of_narrow_currents_are_float32(dtype) -> None:
    currents = torch.randn(64, 50, generator=torch.Generator().manual_seed(0)).mul(1.2).to(dtype)
    spikes = GradedNeuron(decay=0.5)(currents)
    assert spikes.dtype == dtype
    assert torch.equal(spikes.float(), GradedNeuron(decay=0.5)(currents.float()))


def test_a_relu_has_no_state() -> None:
    x = torch.tensor([[-1.0, 2.0], [3.0, -4.0]], requires_grad=True)
    values = ReLUNeuron()(x)
    assert values.tolist() == [[0, 2], [3, 0]]
    values.sum().backward()
    assert x.grad.tolist() == [[0, 1], [1, 0]]
    assert ReLUNeuron()(x[:1], steps=3).tolist() == [[0, 2]] * 3
    with pytest.raises(ColliculusError, match="2 steps cannot be integrated over 3"):
        ReLUNeuron()(x, steps=3)


def test_settings_make_the_neuron_they_describe() -> None:
    neuron = NeuronSettings(kind="graded", levels=4, step=1.0, decay=0.25, temporal_gradient=False)()
    assert isinstance(neuron, GradedNeuron)
    assert (neuron.decay, neuron.unit, neuron.levels) == (0.25, 1.0, 4)
    assert neuron.dynamics == GradedDynamics(levels=4, step=1.0, temporal_gradient=False)
    assert isinstance(NeuronSettings(kind="relu", temporal_gradient=False)(), ReLUNeuron)
    default = NeuronSettings(kind="graded")()
    assert (default.decay, default.dynamics) == (GradedNeuron().decay, GradedDynamics())


@pytest.mark.parametrize("bad", [{"levels": 0}, {"step": 0.0}, {"step": float("nan")}, {"decay": 1.5}, {"decay": -0.1}])
def test_settings_refuse_what_makes_no_neuron(bad) -> None:
    with pytest.raises(ColliculusError, match=next(iter(bad))):
        NeuronSettings(kind="graded", **bad)
    if "decay" in bad:
        with pytest.raises(ColliculusError, match="decay"):
            GradedNeuron(**bad)


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        *itertools.product(["lif", "plif"], [{"levels": 4}, {"step": 1.0}, {"decay": 0.25}]),
        *itertools.product(["graded"], [{"tau": 3.0}, {"threshold": 0.5}, {"reset": "soft"}, {"surrogate": "atan"}]),
        *itertools.product(
            ["relu"], [{"tau": 3.0}, {"threshold": 0.5}, {"levels": 4}, {"decay": 0.25}, {"detach_reset": False}]
        ),
    ],
)
def test_a_setting_that_a_kind_does_not_have_is_refused(kind, setting) -> None:
    with pytest.raises(ColliculusError, match=f'`{next(iter(setting))}` is .* with `kind` "{kind}"'):
        NeuronSettings(kind=kind, **setting)
