from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from colliculus import ColliculusError
from colliculus.neurons import LIF, PLIF, ATan, Dynamics, NeuronSettings, Sigmoid, lif

OPTIONS = [
    {"reset": reset, "detach_reset": detach, "temporal_gradient": through_time}
    for reset, detach, through_time in itertools.product(("hard", "soft"), (True, False), (True, False))
]


def by_hand(currents, weights, *, leak, threshold, reset, detach_reset, temporal_gradient, slope=4.0):
    """Spikes of one neuron, and d(sum_t w_t s_t) / dI_t by the chain rule written out step by step."""
    steps = len(currents)
    membrane, before_reset, spikes = 0.0, [], []
    for current in currents:
        membrane = membrane + (current - membrane) * leak
        fired = 1.0 if membrane >= threshold else 0.0
        before_reset.append(membrane)
        spikes.append(fired)
        membrane = membrane * (1 - fired) if reset == "hard" else membrane - threshold * fired
    gradients, from_later = np.zeros(steps), 0.0
    for t in reversed(range(steps)):
        g = 1 / (1 + np.exp(-slope * (before_reset[t] - threshold)))
        bump = slope * g * (1 - g)
        kept = (1 - spikes[t]) if reset == "hard" else 1.0
        if not detach_reset:
            kept -= bump * (before_reset[t] if reset == "hard" else threshold)
        of_membrane = weights[t] * bump + from_later * kept
        gradients[t] = of_membrane * leak
        from_later = of_membrane * (1 - leak) if temporal_gradient else 0.0
    return spikes, gradients


def test_trace_by_hand() -> None:
    # v: 0.75, 1.125 -> fires, 0 -> 1.0 fires at equality, 0 -> -0.5, 0.25
    currents = torch.tensor([1.5, 1.5, 2.0, -1.0, 1.0]).unsqueeze(1)
    assert lif(currents).flatten().tolist() == [0, 1, 1, 0, 0]
    # soft reset keeps what is above the threshold: 0.75, 1.125 - 1, 1.0625 - 1, -0.46875, 0.265625
    assert lif(currents, dynamics=Dynamics(reset="soft")).flatten().tolist() == [0, 1, 1, 0, 0]
    assert lif(torch.tensor([[4.0], [1.0], [1.5]]), dynamics=Dynamics(reset="soft")).flatten().tolist() == [1, 1, 0]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(map(str, o.values())))
def test_spikes_and_gradients_equal_a_slow_loop(options) -> None:
    generator = np.random.default_rng(0)
    currents, weights = generator.normal(0.8, 1.5, (9, 40)), generator.normal(size=(9, 40))
    x = torch.tensor(currents, requires_grad=True)
    spikes = lif(x, 0.4, Dynamics(threshold=0.7, **options))
    spikes.backward(torch.tensor(weights))
    for n in range(currents.shape[1]):
        expected, gradients = by_hand(currents[:, n], weights[:, n], leak=0.4, threshold=0.7, **options)
        assert spikes[:, n].tolist() == expected
        np.testing.assert_allclose(x.grad[:, n], gradients, rtol=1e-12, atol=1e-14)


def test_learned_leak_gets_the_gradient_of_finite_differences() -> None:
    """Below the threshold the membrane is smooth; the surrogate's integral stands in for the spike."""
    currents = torch.tensor([0.3, 0.9, -0.2, 0.5], dtype=torch.float64)

    def smooth(leak: float) -> float:
        membrane, total = 0.0, 0.0
        for current in currents.tolist():
            membrane += (current - membrane) * leak
            total += 1 / (1 + np.exp(-4 * (membrane - 1)))
        return total

    leak = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    spikes = lif(currents.unsqueeze(1), leak, Dynamics(temporal_gradient=True, surrogate=Sigmoid(4)))
    spikes.sum().backward()
    assert spikes.sum() == 0
    assert leak.grad.item() == pytest.approx((smooth(0.5 + 1e-6) - smooth(0.5 - 1e-6)) / 2e-6, rel=1e-6)


def test_without_temporal_gradient_steps_are_alone() -> None:
    x = torch.full((3, 1), 0.9, requires_grad=True)
    (gradient,) = torch.autograd.grad(lif(x, dynamics=Dynamics(temporal_gradient=False))[2].sum(), x)
    assert gradient[:2].tolist() == [[0], [0]]
    assert gradient[2] != 0


@given(
    steps=st.integers(1, 6),
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    leak=st.floats(0.05, 0.95),
    threshold=st.floats(0.1, 2),
    reset=st.sampled_from(["hard", "soft"]),
)
def test_both_paths_give_the_same_spikes(steps, shape, leak, threshold, reset) -> None:
    currents = torch.randn(steps, *shape, generator=torch.Generator().manual_seed(steps))
    options = {"threshold": threshold, "reset": reset}
    through, without = (lif(currents, leak, Dynamics(temporal_gradient=flag, **options)) for flag in (True, False))
    assert through.shape == currents.shape
    assert torch.equal(through, without)
    assert set(through.unique().tolist()) <= {0.0, 1.0}


def test_no_state_survives_a_forward() -> None:
    neuron, x = LIF(), torch.randn(4, 3)
    assert torch.equal(neuron(x), neuron(x))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_membranes_of_narrow_currents_are_float32(dtype) -> None:
    currents = torch.randn(64, 50, generator=torch.Generator().manual_seed(0)).mul(1.2).to(dtype)
    spikes = LIF()(currents)
    assert spikes.dtype == dtype
    assert torch.equal(spikes.float(), LIF()(currents.float()))


def test_plif_learns_its_time_constant() -> None:
    neuron = PLIF(tau=3.0)
    assert neuron.leak().item() == pytest.approx(1 / 3)
    currents = torch.rand(5, 8, generator=torch.Generator().manual_seed(1)) * 3
    assert torch.equal(neuron(currents), LIF(tau=3.0)(currents))
    neuron(currents).sum().backward()
    assert neuron.leak_logit.grad.item() != 0


def test_settings_make_the_neuron_they_describe() -> None:
    settings = NeuronSettings(tau=4.0, threshold=0.5, reset="soft", surrogate="atan", temporal_gradient=True)
    neuron = settings()
    assert isinstance(neuron, LIF)
    assert neuron.leak() == 0.25
    assert neuron.dynamics == Dynamics(threshold=0.5, reset="soft", surrogate=ATan(), temporal_gradient=True)
    assert isinstance(NeuronSettings(kind="plif")(), PLIF)


@pytest.mark.parametrize("bad", [{"tau": 1.0}, {"tau": float("nan")}, {"threshold": 0.0}])
def test_settings_refuse_what_makes_no_neuron(bad) -> None:
    with pytest.raises(ColliculusError, match=next(iter(bad))):
        NeuronSettings(**bad)


def test_there_is_one_set_of_defaults() -> None:
    settings = NeuronSettings()()
    assert type(settings) is type(LIF())
    assert (settings.tau, settings.dynamics) == (LIF().tau, LIF().dynamics)
    assert PLIF().dynamics == LIF().dynamics
    assert PLIF().leak().item() == pytest.approx(LIF().leak())


def test_a_setting_without_effect_is_refused() -> None:
    with pytest.raises(ColliculusError, match=r"`detach_reset` is False, .* without `temporal_gradient`"):
        NeuronSettings(temporal_gradient=False, detach_reset=False)


def test_a_threshold_must_be_positive() -> None:
    assert Dynamics(threshold=0.5).threshold == 0.5
    with pytest.raises(ColliculusError, match="threshold"):
        Dynamics(threshold=0.0)
    assert NeuronSettings(tau=1.5)().leak() == pytest.approx(1 / 1.5)
