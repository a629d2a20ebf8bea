"""Each neuron as ONNX operations gives the very spikes of PyTorch, at the threshold and after a reset too."""

from __future__ import annotations

import pytest
import torch
from active import assert_active
from torch import nn

from colliculus.export.onnx.write import answer_of, translated
from colliculus.neurons import LIF, PLIF, Dynamics, GradedDynamics, GradedNeuron
from colliculus.neurons.kernels.compiled import neurons_stay_whole

NEURONS = {
    "lif": LIF(),
    "soft": LIF(tau=1.7, dynamics=Dynamics(reset="soft")),
    "threshold": LIF(tau=4.0, dynamics=Dynamics(threshold=0.5)),
    "plif": PLIF(tau=2.5),
    "graded": GradedNeuron(),
    "graded, with memory": GradedNeuron(decay=0.5, dynamics=GradedDynamics(levels=3, step=0.75)),
}


class Alone(nn.Module):
    """A neuron over a number of steps."""

    def __init__(self, neuron: nn.Module, steps: int) -> None:
        super().__init__()
        self.neuron, self.steps = neuron, steps

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        return self.neuron(currents, self.steps)


CASES = [(name, given, steps) for name in NEURONS for given, steps in ((5, 5), (1, 4))]
"""A sequence, and the same currents at every step."""


@pytest.mark.parametrize(("name", "given", "steps"), [*CASES, ("lif", 1, 1), ("graded", 1, 1)])
def test_spikes_are_those_of_pytorch(name, given, steps) -> None:
    # sixteenths, so that many membranes meet the threshold exactly
    currents = torch.randint(-8, 48, (given, 3, 200), generator=torch.Generator().manual_seed(0)) / 16
    alone = Alone(NEURONS[name], steps).eval()
    with neurons_stay_whole(), torch.no_grad():
        expected = alone(currents)
        program = torch.export.export(alone, (currents,))
        file = translated(program, ["currents"], ["spikes"])
    assert [node for node in program.graph.nodes if "multi_step" in str(node.target)]
    answer = answer_of(file.model_proto.SerializeToString())
    found = answer({"currents": currents})["spikes"]
    assert_active(expected)
    assert torch.equal(found, expected)


def test_other_exports_do_not_know_our_operation() -> None:
    with neurons_stay_whole():
        pass
    program = torch.export.export(LIF(), (torch.randn(3, 4),))
    assert not [node for node in program.graph.nodes if "colliculus" in str(node.target)]
