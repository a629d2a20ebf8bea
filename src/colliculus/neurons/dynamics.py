"""One step of a spiking neuron: its options with their defaults, and the arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

from torch import Tensor, finfo

from colliculus.neurons.surrogate import Sigmoid, Surrogate, spike
from colliculus.types import ColliculusError

Reset = Literal["hard", "soft"]
TAU = 2.0
"""Default time constant in steps."""


@dataclass(frozen=True, kw_only=True)
class GradientOptions:
    """Options of the gradient, which all spiking neurons share. Their defaults are defined here and nowhere else."""

    detach_reset: bool = True
    """Keep the reset out of the gradient."""
    temporal_gradient: bool = True
    """Let the gradient flow through time (a ReLU has no state, so nothing changes). False detaches the membrane before
    every integration, as S-CMRL does: no step receives a gradient from a later one."""


@dataclass(frozen=True, kw_only=True)
class Options(GradientOptions):
    """Options of a neuron that fires at a threshold. Their defaults are defined here and nowhere else.

    Raises:
        ColliculusError: `threshold` is not positive.
    """

    threshold: float = 1.0
    """Membrane potential at which the neuron fires; equality fires."""
    reset: Reset = "hard"
    """After a spike: to 0 ("hard") or minus the threshold ("soft")."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold < inf:
            raise ColliculusError(f"threshold must be positive, not {self.threshold}")


@dataclass(frozen=True, kw_only=True)
class Dynamics(Options):
    """The options that a neuron computes with.

    Example:
        >>> Dynamics(reset="soft").threshold
        1.0
    """

    surrogate: Surrogate = Sigmoid()
    """Derivative of the spike."""


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
    membrane = before + (current - before) * leak
    spikes = spike(membrane - dynamics.threshold, dynamics.surrogate)
    reset = spikes.detach() if dynamics.detach_reset else spikes
    if dynamics.reset == "soft":
        return membrane - dynamics.threshold * reset, spikes
    finite = membrane.clamp(max=finfo(membrane.dtype).max)  # an infinite one is reset too: inf * 0 is NaN
    return finite * (1 - reset), spikes
