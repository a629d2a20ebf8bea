"""Leaky integrate-and-fire neurons over T steps: a pure function, and modules that are shells around it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from colliculus.neurons.dynamics import TAU, Dynamics
from colliculus.neurons.kernels.multi_step import multi_step, multi_step_from
from colliculus.neurons.membranes import carrying
from colliculus.neurons.neuron import SpikingNeuron


def lif(
    currents: Tensor, leak: float | Tensor = 1 / TAU, dynamics: Dynamics = Dynamics(), *, steps: int | None = None
) -> Tensor:
    """Spikes over T steps, starting from v(0) = 0; `lif_step` defines one step.

    The membrane is stored in float32 or wider. The spikes have the dtype of the currents, and their memory layout if
    every step is dense (channels_last stays channels_last).

    Args:
        currents: (T, *), or (1, *) if all steps get the same current; then `steps` gives their number.
        leak: 1 / tau; a tensor must broadcast against the currents of one step.
        dynamics: threshold, reset and gradient.
        steps: T; None takes it from the currents.

    Returns:
        Spikes, 0 or 1, (T, *).

    Raises:
        ColliculusError: `steps` contradicts the currents.

    Example:
        >>> lif(torch.full((4, 1), 1.5)).flatten()
        tensor([0., 1., 0., 1.])
        >>> lif(torch.full((1, 1), 1.5), steps=4).flatten()
        tensor([0., 1., 0., 1.])
    """
    return multi_step(currents, leak, dynamics, steps)


def lif_from(
    currents: Tensor,
    membrane: Tensor | None,
    leak: float | Tensor = 1 / TAU,
    dynamics: Dynamics = Dynamics(),
    *,
    steps: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Spikes over T steps, starting from a membrane, and the membrane after them; for inference, without a gradient.

    Args:
        currents: as in `lif`.
        membrane: v after the step before, (*); None is 0.
        leak: as in `lif`.
        dynamics: as in `lif`.
        steps: as in `lif`.

    Returns:
        Spikes (T, *) as those of `lif`, and v after the last reset, (*), in float32 or wider.

    Raises:
        ColliculusError: `steps` contradicts the currents, or the membrane has another shape than a step of them.

    Example:
        >>> spikes, membrane = lif_from(torch.full((1, 1), 1.5), None)
        >>> spikes.flatten(), membrane
        (tensor([0.]), tensor([0.7500]))
        >>> lif_from(torch.full((3, 1), 1.5), membrane)[0].flatten()
        tensor([1., 0., 1.])
    """
    return multi_step_from(currents, membrane, leak, dynamics, steps)


class LeakyNeuron(SpikingNeuron, ABC):
    """Base class of leaky integrate-and-fire neurons: currents (T, B, *) -> spikes (T, B, *), 0 or 1.

    Args:
        dynamics: threshold, reset and gradient.
    """

    resumes: ClassVar[bool] = True

    def __init__(self, dynamics: Dynamics) -> None:
        super().__init__()
        self.dynamics = dynamics

    @abstractmethod
    def leak(self) -> float | Tensor:
        """1 / tau."""

    def forward(self, currents: Tensor, steps: int | None = None) -> Tensor:
        """(T, B, *) -> (T, B, *), or (1, B, *) -> (steps, B, *) if every step gets the same currents."""
        if (carry := carrying()) is None:
            return lif(currents, self.leak(), self.dynamics, steps=steps)
        return carry.through(self, lambda v: lif_from(currents, v, self.leak(), self.dynamics, steps=steps))

    def extra_repr(self) -> str:
        """Settings shown by `print(model)`."""
        return str(self.dynamics)


class LIF(LeakyNeuron):
    """Leaky integrate-and-fire neuron with a fixed time constant.

    Args:
        tau: time constant in steps, > 1 leaks.
        dynamics: threshold, reset and gradient.

    Example:
        >>> LIF(tau=2.0)(torch.full((4, 1), 2.0)).flatten()
        tensor([1., 1., 1., 1.])
    """

    def __init__(self, *, tau: float = TAU, dynamics: Dynamics = Dynamics()) -> None:
        super().__init__(dynamics)
        self.tau = tau

    def leak(self) -> float:
        """1 / tau."""
        return 1 / self.tau


class PLIF(LeakyNeuron):
    """Leaky integrate-and-fire neuron with a learned time constant (Fang et al., ICCV 2021, arXiv 2007.05785).

    1 / tau = sigmoid(w), so that tau stays above 1 during training.

    Args:
        tau: initial time constant, > 1.
        dynamics: threshold, reset and gradient.

    Example:
        >>> neuron = PLIF(tau=2.0)
        >>> neuron(torch.full((4, 1), 2.0)).flatten().tolist(), neuron.leak().item()
        ([1.0, 1.0, 1.0, 1.0], 0.5)
    """

    def __init__(self, *, tau: float = TAU, dynamics: Dynamics = Dynamics()) -> None:
        super().__init__(dynamics)
        self.leak_logit = nn.Parameter(torch.tensor(-math.log(tau - 1)))

    def leak(self) -> Tensor:
        """1 / tau, a scalar tensor."""
        return self.leak_logit.sigmoid()
