"""Networks that go on where they stopped: names, repeated calls, what is refused."""

from __future__ import annotations

import threading

import pytest
import torch
from active import assert_active
from torch import Tensor, nn

from colliculus import ColliculusError
from colliculus.neurons import (
    LIF,
    MLIF,
    PLIF,
    Dynamics,
    GradedDynamics,
    GradedNeuron,
    ReLUNeuron,
    SpikingNeuron,
    carried,
    carrying,
    unfold,
)

NEURONS = {
    "lif": LIF(tau=1.7),
    "soft": LIF(dynamics=Dynamics(reset="soft")),
    "plif": PLIF(tau=3.0),
    "graded": GradedNeuron(decay=0.6),
    "mlif": MLIF(5, dynamics=Dynamics(threshold=0.3, reset="soft")),
    "mlif, learned": MLIF(5, learned=True, dynamics=Dynamics(threshold=0.3)),
    "mlif, together": MLIF(5, firing="together", dynamics=Dynamics(threshold=0.3)),
    "mlif, graded": MLIF(5, leak=0.6, dynamics=GradedDynamics()),
    "relu": ReLUNeuron(),
}


def currents(steps=6):
    return torch.randn(steps, 3, 5, 40, generator=torch.Generator().manual_seed(0)) * 2


def in_parts(network, x, *lengths):
    """The output of the network when it runs for so many steps at a time, and the membranes in the end."""
    found, membranes = [], {}
    for part in x.split(list(lengths)):
        with carried(network, membranes) as after:
            found.append(network(part))
        membranes = after
    return torch.cat(found), membranes


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("kernel", ["plain", "eager", ""])
def test_parts_are_the_whole(name, kernel, monkeypatch) -> None:
    monkeypatch.setenv("COLLICULUS_KERNELS", kernel)
    whole = NEURONS[name](currents())
    found, membranes = in_parts(NEURONS[name], currents(), 1, 2, 3)
    assert_active(whole)
    assert torch.equal(found, whole)
    assert list(membranes) == ([] if name == "relu" else [""])
    assert not any(v.requires_grad for v in membranes.values())


def test_static_currents_go_on_too() -> None:
    x, neuron = currents(1), LIF()
    with carried(neuron, {}) as membranes:
        first = neuron(x, 2)
    with carried(neuron, membranes):
        last = neuron(x, 3)
    assert_active(neuron(x, 5))
    assert torch.equal(torch.cat([first, last]), neuron(x, 5))


class Shared(nn.Module):
    """One neuron for two streams, and another that sees both."""

    def __init__(self):
        super().__init__()
        self.neuron, self.last = LIF(), LIF()

    def forward(self, x):
        return self.last(3 * (self.neuron(x) + self.neuron(x.flip(-1))))


def test_a_neuron_that_runs_twice_has_two_membranes() -> None:
    network, x = Shared(), currents()
    found, membranes = in_parts(network, x, 2, 4)
    assert_active(found)
    assert torch.equal(found, network(x))
    assert [*membranes] == ["neuron", "neuron.1", "last"]
    assert not torch.equal(membranes["neuron"], membranes["neuron.1"])


def test_nothing_is_left_behind() -> None:
    """Neither in the network, whatever happens, nor for another thread."""
    network, x = Shared(), currents()
    before = network(x)
    seen = []

    def fails_meanwhile():
        with carried(network, {}):
            network(x)
            thread = threading.Thread(target=lambda: seen.append((carrying(), network(x))))
            thread.start()
            thread.join()
            raise KeyError

    with pytest.raises(KeyError):
        fails_meanwhile()
    assert carrying() is None
    assert seen[0][0] is None
    assert torch.equal(seen[0][1], before)
    assert torch.equal(network(x), before)


def test_a_graded_neuron_of_one_step_may_not_be_swapped_with_a_maximum() -> None:
    neuron = GradedNeuron(decay=0.6)
    assert neuron.keeps_order(1)
    with carried(neuron, {}):
        assert not neuron.keeps_order(1)


class Forgetful(SpikingNeuron):
    def forward(self, currents: Tensor, steps: int | None = None) -> Tensor:
        return (currents > 0).float()


@pytest.mark.parametrize("neuron", [Forgetful(), unfold(GradedNeuron())])
def test_a_neuron_that_would_start_from_zero_is_refused(neuron) -> None:
    with (
        pytest.raises(ColliculusError, match=f"{type(neuron).__name__} always starts from 0"),
        carried(nn.Sequential(neuron), {}),
    ):
        pass


def test_a_compiled_network_is_refused() -> None:
    compiled = nn.Sequential(LIF())
    compiled.compile(backend="eager")
    for network in (compiled, torch.compile(nn.Sequential(LIF()), backend="eager"), nn.Sequential(compiled)):
        with pytest.raises(ColliculusError, match=r"give the one before `torch.compile`"), carried(network, {}):
            pass


def test_other_inputs_than_before_are_refused() -> None:
    neuron = LIF()
    with carried(neuron, {}) as membranes:
        neuron(currents())
    with (
        pytest.raises(ColliculusError, match=r"shape \(3, 5, 40\) and a step of its currents \(2, 5, 40\)"),
        carried(neuron, membranes),
    ):
        neuron(currents()[:, :2])
