"""Leaky integrate-and-fire neuron over T steps: a pure function, and a module that is a shell around it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from colliculus.neurons.dynamics import TAU, Dynamics
from colliculus.neurons.kernels import compiled
from colliculus.neurons.kernels.choice import kernel_for
from colliculus.types import ColliculusError

NARROW = (torch.bfloat16, torch.float16)
"""What a membrane is never kept in."""


def lif(
    currents: Tensor, leak: float | Tensor = 1 / TAU, dynamics: Dynamics = Dynamics(), *, steps: int | None = None
) -> Tensor:
    """Spikes of T steps from v(0) = 0; what one step does stands in `lif_step`.

    The membrane is kept in float32 (or wider) whatever the currents are; the spikes have their dtype, and their layout
    in memory where every step of it is dense (channels_last stays channels_last).

    Args:
        currents: (T, *), or (1, *) where all steps get the same and `steps` says how many there are.
        leak: 1 / tau; a tensor must broadcast against the currents of one step.
        dynamics: threshold, reset and gradient.
        steps: T; None reads it off the currents.

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
    if steps not in (None, currents.shape[0]) and currents.shape[0] != 1:
        raise ColliculusError(
            f"currents of {currents.shape[0]} steps cannot be integrated over {steps}: give one or all"
        )
    steps = currents.shape[0] if steps is None else steps
    if torch.compiler.is_compiling():
        wide = currents.float() if currents.dtype in NARROW else currents
        return compiled.run(wide, leak, dynamics, steps).to(currents.dtype)
    kernel = kernel_for(currents, leak, dynamics)
    if currents.dtype not in NARROW or currents.dtype in kernel.narrow:
        return kernel.run(currents, leak, dynamics, steps)
    return kernel.run(currents.float(), leak, dynamics, steps).to(currents.dtype)


class SpikingNeuron(nn.Module, ABC):
    """Base of every neuron: (T, B, *) currents -> (T, B, *) spikes, 0 or 1. Spikes are counted by hooks on this class.

    Args:
        dynamics: threshold, reset and gradient.
    """

    def __init__(self, dynamics: Dynamics) -> None:
        super().__init__()
        self.dynamics = dynamics

    @abstractmethod
    def leak(self) -> float | Tensor:
        """1 / tau."""

    def forward(self, currents: Tensor, steps: int | None = None) -> Tensor:
        """(T, B, *) -> (T, B, *), or (1, B, *) -> (steps, B, *) with the same currents at every step."""
        return lif(currents, self.leak(), self.dynamics, steps=steps)

    def extra_repr(self) -> str:
        """Settings shown by `print(model)`."""
        return str(self.dynamics)


class LIF(SpikingNeuron):
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
