"""The neuron with a membrane for each modality, against loops over single numbers."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from active import assert_active

from colliculus.neurons import LIF, MLIF, Dynamics, GradedDynamics, NeuronSettings, lif, multimodal_neuron
from colliculus.neurons.mlif import mlif_step

T, B, N = 5, 2, 7


def currents(count, seed=0):
    return 4 * torch.rand(T, B, count, N, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow(x, firing, reset, threshold, tau, count):
    """Each sample, place and modality for itself, in plain numbers; and the smallest distance from the threshold."""
    sent = torch.zeros(T, B, x.shape[2] if firing == "apart" else 1, N, dtype=x.dtype)
    margin = float("inf")
    for b, n in product(range(B), range(N)):
        membranes = [0.0] * x.shape[2]
        for t in range(T):
            membranes = [v + (x[t, b, m, n].item() - v) / tau for m, v in enumerate(membranes)]
            mean = sum(membranes) / len(membranes)
            potentials = [v / count for v in membranes] if firing == "apart" else [mean]
            spikes = [float(h >= threshold) for h in potentials]
            margin = min(margin, *(abs(h - threshold) for h in potentials))
            for m in range(len(membranes)):
                s = spikes[m if firing == "apart" else 0]
                membranes[m] = membranes[m] - threshold * s if reset == "soft" else membranes[m] * (1 - s)
            sent[t, b, :, n] = torch.tensor(spikes, dtype=x.dtype)
    return sent, margin


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("firing", ["apart", "together"])
def test_it_is_that_of_a_slow_loop(firing, reset, count) -> None:
    x = currents(count)
    neuron = MLIF(count, firing=firing, leak=1 / 1.6, dynamics=Dynamics(reset=reset, threshold=0.7))
    found = neuron(x)
    expected, margin = slow(x, firing, reset, 0.7, 1.6, count)
    assert margin > 1e-9
    assert_active(found)
    assert torch.equal(found, expected)


def test_a_hand_trace_of_two_modalities() -> None:
    """tau 2, threshold 1, soft reset. Audio gets 3, 3, 3: v = 1.5 -> 2.25 fires -> 1.25 -> 2.125 fires."""
    x = torch.tensor([[3.0, 1.0]] * 3)[:, None]
    assert MLIF(2, dynamics=Dynamics(reset="soft"))(x)[:, 0].tolist() == [[0, 0], [1, 0], [1, 0]]
    # the mean of the membranes is 1 at once: both lose 1, to 0.5 and -0.5; then 1.75 and 0.25, whose mean is 1
    together = MLIF(2, firing="together", dynamics=Dynamics(reset="soft"))(x)
    assert together[:, 0, 0].tolist() == [1, 1, 1]


def test_an_absent_modality_changes_nothing_apart_and_keeps_the_scale_together() -> None:
    x = currents(3)
    apart = MLIF(3, dynamics=Dynamics(threshold=0.6))
    assert_active(apart(x))
    assert torch.equal(apart(x)[:, :, :2], apart(x[:, :, :2]))
    together = MLIF(3, firing="together")
    same = x[:, :, :1].expand(-1, -1, 3, -1)
    assert_active(together(same))
    assert torch.equal(together(same), together(same[:, :, :1]))


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_together_is_a_lif_of_the_mean_current(reset) -> None:
    """What the docstring says of it: why "apart" is the default."""
    x, dynamics = currents(2), Dynamics(reset=reset)
    found = MLIF(2, firing="together", dynamics=dynamics)(x)[:, :, 0]
    assert_active(found)
    assert torch.equal(found, lif(x.mean(2), 0.5, dynamics))


@pytest.mark.parametrize("temporal", [True, False])
def test_the_gradient_through_time_is_an_option(temporal) -> None:
    x = currents(2).requires_grad_()
    dynamics = Dynamics(temporal_gradient=temporal, reset="soft")
    MLIF(2, dynamics=dynamics)(x)[-1].sum().backward()
    assert_active(x.grad[-1])
    assert bool(x.grad[0].any()) is temporal


def test_the_gradient_is_that_of_the_surrogate() -> None:
    """One step: v = I / tau; s = Theta(v / M - 1); ds/dI = bump(v / M - 1) / (M tau)."""
    x = currents(2)[:1].requires_grad_()
    dynamics = Dynamics()
    MLIF(2, leak=1 / 1.6, dynamics=dynamics)(x).sum().backward()
    expected = dynamics.surrogate.derivative(x.detach() / 1.6 / 2 - 1) / (2 * 1.6)
    torch.testing.assert_close(x.grad, expected)


def test_graded_spikes_are_those_of_a_slow_loop() -> None:
    x, dynamics = currents(2), GradedDynamics(levels=3, step=0.5)
    found = MLIF(2, leak=0.25, dynamics=dynamics)(x)
    for b, m, n in product(range(B), range(2), range(N)):
        v = 0.0
        for t in range(T):
            v = v * 0.25 + x[t, b, m, n].item()
            sent = 0.5 * min(max(int(v / 2 / 0.5 + 0.5), 0), 3)
            v -= sent
            assert found[t, b, m, n].item() == sent
    assert found.unique().tolist() == [0, 0.5, 1, 1.5]


def test_the_settings_make_every_kind() -> None:
    x = currents(2).float()
    made = multimodal_neuron(NeuronSettings(tau=3.0, reset="soft", threshold=0.4), 2, "apart")
    assert torch.equal(made(x), MLIF(2, leak=1 / 3, dynamics=Dynamics(reset="soft", threshold=0.4))(x))
    learned = multimodal_neuron(NeuronSettings(kind="plif", tau=3.0), 2, "together")
    assert learned.leak_logit.sigmoid().item() == pytest.approx(1 / 3)
    graded = multimodal_neuron(NeuronSettings(kind="graded", levels=2, step=1.0, decay=0.1), 2, "apart")
    assert (graded.levels, graded.unit, graded.fixed) == (2, 1.0, 0.1)
    relu = NeuronSettings(kind="relu")
    torch.testing.assert_close(multimodal_neuron(relu, 2, "apart")(x - 2), (x - 2).relu() / 2)
    torch.testing.assert_close(multimodal_neuron(relu, 2, "together")(x - 2), (x - 2).mean(2, keepdim=True).relu())


def test_currents_of_one_step_serve_all() -> None:
    x = currents(2)[:1]
    neuron = MLIF(2, dynamics=Dynamics(threshold=0.5))
    assert_active(neuron(x, T))
    assert torch.equal(neuron(x, T), neuron(x.expand(T, -1, -1, -1)))


def test_a_step_for_itself_is_the_first_of_many() -> None:
    x = currents(2)
    _, spikes = mlif_step(torch.zeros_like(x[0]), x[0], 1 / 2.0, Dynamics(threshold=0.5), count=2)
    assert_active(spikes)
    assert torch.equal(spikes, MLIF(2, dynamics=Dynamics(threshold=0.5))(x)[0])
    assert not torch.equal(MLIF(2)(x)[:, :, 0], LIF()(x[:, :, 0]))  # a half of a membrane decides
