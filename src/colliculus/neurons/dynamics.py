"""What a neuron does in one step: its options, each with its default, and the arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

from torch import Tensor

from colliculus.neurons.surrogate import Sigmoid, Surrogate, spike
from colliculus.types import ColliculusError

Reset = Literal["hard", "soft"]
TAU = 2.0
"""Time constant in steps that a neuron has unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class Dynamics:
    """All that neurons of every kind have in common; the defaults of their options stand here and nowhere else.

    Raises:
        ColliculusError: `threshold` is not positive.

    Example:
        >>> Dynamics(reset="soft").threshold
        1.0
    """

    threshold: float = 1.0
    """Membrane at which the neuron fires; equality fires."""
    reset: Reset = "hard"
    """After a spike: to 0 ("hard") or minus the threshold ("soft")."""
    detach_reset: bool = True
    """Keep the reset out of the gradient."""
    temporal_gradient: bool = True
    """Let the gradient flow through time. False detaches the membrane before every integration (S-CMRL):
    dv(t)/dI(t) = leak, and no step sees the gradient of a later one."""
    surrogate: Surrogate = Sigmoid()
    """The spike's derivative."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold < inf:
            raise ColliculusError(f"threshold must be positive, not {self.threshold}")


def integrate(membrane: Tensor, current: Tensor, leak: float | Tensor) -> Tensor:
    """v + (I - v) * leak, with leak = 1 / tau."""
    return membrane + (current - membrane) * leak


def after_reset(membrane: Tensor, spikes: Tensor, threshold: float, reset: Reset) -> Tensor:
    """What a spike leaves behind: 0 after a hard reset, v - threshold after a soft one."""
    return membrane * (1 - spikes) if reset == "hard" else membrane - threshold * spikes


def lif_step(
    membrane: Tensor, current: Tensor, leak: float | Tensor = 1 / TAU, dynamics: Dynamics = Dynamics()
) -> tuple[Tensor, Tensor]:
    """One step of a leaky integrate-and-fire neuron.

    v <- v + (I - v) * leak;  s = 1 if v >= threshold;  v <- v (1 - s) (hard reset) or v - threshold * s (soft reset).

    Args:
        membrane: v before the step, any shape.
        current: I, the same shape.
        leak: 1 / tau; a tensor must broadcast against the membrane.
        dynamics: threshold, reset and gradient.

    Returns:
        The membrane after the reset, and the spikes.

    Example:
        >>> import torch
        >>> v, s = lif_step(torch.zeros(2), torch.tensor([1.0, 2.0]))
        >>> v, s
        (tensor([0.5000, 0.0000]), tensor([0., 1.]))
    """
    before = membrane if dynamics.temporal_gradient else membrane.detach()
    membrane = integrate(before, current, leak)
    spikes = spike(membrane - dynamics.threshold, dynamics.surrogate)
    heard = spikes.detach() if dynamics.detach_reset else spikes
    return after_reset(membrane, heard, dynamics.threshold, dynamics.reset), spikes
