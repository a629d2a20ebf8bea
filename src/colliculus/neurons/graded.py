"""Graded neurons over T steps: a pure function, a module, and the binary spikes that they stand for."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from colliculus.neurons.kernels.multi_step import multi_step, multi_step_from, num_steps
from colliculus.neurons.levels import DECAY, GradedDynamics
from colliculus.neurons.membranes import carrying
from colliculus.neurons.neuron import SpikingNeuron
from colliculus.types import ColliculusError


def graded(
    currents: Tensor, decay: float = DECAY, dynamics: GradedDynamics = GradedDynamics(), *, steps: int | None = None
) -> Tensor:
    """Graded spikes over T steps, starting from v(0) = 0; `graded_step` defines one step.

    Source: I-LIF of SpikeYOLO (Luo et al., ECCV 2024, arXiv 2407.20708), also in Spike-driven Transformer V3
    (arXiv 2411.16061). Dtype and layout are kept as in `lif`.

    Args:
        currents: (T, *), or (1, *) if all steps get the same current; then `steps` gives their number.
        decay: share of the membrane that is left after a step.
        dynamics: levels, step and gradient.
        steps: T; None takes it from the currents.

    Returns:
        Spikes (T, *): multiples of `dynamics.step` from 0 to D times it.

    Raises:
        ColliculusError: `steps` contradicts the currents.

    Example:
        >>> graded(torch.tensor([[1.3], [0.5], [9.0]]), decay=0.5).flatten()  # v = 1.3, 0.65, 9.075
        tensor([1.5000, 0.5000, 4.0000])
    """
    return multi_step(currents, decay, dynamics, steps)


def graded_from(
    currents: Tensor,
    membrane: Tensor | None,
    decay: float = DECAY,
    dynamics: GradedDynamics = GradedDynamics(),
    *,
    steps: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Graded spikes over T steps, starting from a membrane, and the membrane after them; without a gradient.

    Args:
        currents: as in `graded`.
        membrane: v after the step before, (*); None is 0.
        decay: as in `graded`.
        dynamics: as in `graded`.
        steps: as in `graded`.

    Returns:
        Spikes (T, *) as those of `graded`, and what is left of v after the last spike, (*), in float32 or wider.

    Raises:
        ColliculusError: `steps` contradicts the currents, or the membrane has another shape than a step of them.

    Example:
        >>> spikes, membrane = graded_from(torch.tensor([[1.3]]), None, decay=0.5)
        >>> spikes.flatten(), membrane
        (tensor([1.5000]), tensor([-0.2000]))
        >>> graded_from(torch.tensor([[0.5], [9.0]]), membrane, decay=0.5)[0].flatten()  # v = 0.4, 8.95
        tensor([0.5000, 4.0000])
    """
    return multi_step_from(currents, membrane, decay, dynamics, steps)


class GradedNeuron(SpikingNeuron):
    """Integrates currents and sends a spike of 0 to D levels at every step (I-LIF).

    What follows a neuron is linear in its spikes, so that a spike of level k does what k binary spikes of the value
    `step` do: `unfold` sends these. Energy and spike health count them.

    Args:
        decay: share of the membrane that is left after a step, 0 to 1.
        dynamics: levels, step and gradient.

    Raises:
        ColliculusError: `decay` is not between 0 and 1.

    Example:
        >>> GradedNeuron()(torch.tensor([[1.3], [0.5], [9.0]])).flatten()
        tensor([1.5000, 0.5000, 4.0000])
    """

    resumes: ClassVar[bool] = True

    def __init__(self, *, decay: float = DECAY, dynamics: GradedDynamics = GradedDynamics()) -> None:
        super().__init__()
        if not 0 <= decay <= 1:
            raise ColliculusError(f"`decay` is {decay}: choose a number from 0 to 1")
        self.decay, self.dynamics = decay, dynamics
        self.unit, self.levels = dynamics.step, dynamics.levels

    def forward(self, currents: Tensor, steps: int | None = None) -> Tensor:
        """(T, B, *) -> (T, B, *), or (1, B, *) -> (steps, B, *) if every step gets the same currents."""
        if (carry := carrying()) is None:
            return graded(currents, self.decay, self.dynamics, steps=steps)
        return carry.through(self, lambda v: graded_from(currents, v, self.decay, self.dynamics, steps=steps))

    def keeps_order(self, steps: int) -> bool:
        """True for a single step; later ones depend on what is left of the first."""
        return steps == 1 and carrying() is None

    def extra_repr(self) -> str:
        """Settings shown by `print(model)`."""
        return f"decay={self.decay}, {self.dynamics}"


class UnfoldedNeuron(SpikingNeuron):
    """The binary neuron that a graded one stands for: D micro-steps for each time step, (T, *) -> (T * D, *), 0 or 1.

    The membrane decays and takes the current in the first micro-step of a time step; in each it fires at half of `step`
    and then loses `step`. Summed over the D micro-steps and times `step`, the spikes are those of the graded neuron, to
    the last bit if `step` is a power of two. It has no gradient: train the graded neuron.

    Args:
        decay: share of the membrane that is left after a time step.
        dynamics: levels and step.

    Example:
        >>> neuron = unfold(GradedNeuron(dynamics=GradedDynamics(levels=4)))
        >>> neuron(torch.tensor([[1.3], [0.5]])).flatten()  # levels 3 and 1
        tensor([1., 1., 1., 0., 1., 0., 0., 0.])
    """

    def __init__(self, decay: float, dynamics: GradedDynamics) -> None:
        super().__init__()
        self.decay, self.dynamics = decay, dynamics

    @torch.no_grad()
    def forward(self, currents: Tensor, steps: int | None = None) -> Tensor:
        """Currents (T, B, *), or (1, B, *) of all `steps`, to binary spikes (T * D, B, *)."""
        total, step = num_steps(currents, steps), self.dynamics.step
        membrane, spikes = torch.zeros_like(currents[0]), []
        for current in currents.expand(total, *currents.shape[1:]):
            membrane = membrane * self.decay + current
            for _ in range(self.dynamics.levels):
                fired = (membrane >= step / 2).to(membrane.dtype)
                membrane = membrane - step * fired
                spikes.append(fired)
        return torch.stack(spikes)


def unfold(neuron: GradedNeuron) -> UnfoldedNeuron:
    """The binary neuron that sends, spike by spike, what the graded one sends in levels; `fold` sums it up again.

    Example:
        >>> neuron, currents = GradedNeuron(), torch.tensor([[1.3], [0.5]])
        >>> torch.equal(fold(unfold(neuron)(currents), neuron.dynamics), neuron(currents))
        True
    """
    return UnfoldedNeuron(neuron.decay, neuron.dynamics)


def fold(spikes: Tensor, dynamics: GradedDynamics) -> Tensor:
    """Binary spikes of D micro-steps for each time step (T * D, *) to graded ones (T, *): their sum times `step`."""
    return spikes.unflatten(0, (-1, dynamics.levels)).sum(1) * dynamics.step
