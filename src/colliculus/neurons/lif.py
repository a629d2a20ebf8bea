"""Leaky integrate-and-fire neuron: pure functions, and a module that is a shell around them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from colliculus.neurons.surrogate import Sigmoid, Surrogate, spike

Reset = Literal["hard", "soft"]


def integrate(membrane: Tensor, current: Tensor, leak: float | Tensor) -> Tensor:
    """v + (I - v) * leak, with leak = 1 / tau."""
    return membrane + (current - membrane) * leak


def after_reset(membrane: Tensor, spikes: Tensor, threshold: float, reset: Reset) -> Tensor:
    """What a spike leaves behind: 0 after a hard reset, v - threshold after a soft one."""
    return membrane * (1 - spikes) if reset == "hard" else membrane - threshold * spikes


def lif_step(
    membrane: Tensor,
    current: Tensor,
    *,
    leak: float | Tensor = 0.5,
    threshold: float = 1.0,
    reset: Reset = "hard",
    detach_reset: bool = True,
    surrogate: Surrogate = Sigmoid(),
) -> tuple[Tensor, Tensor]:
    """One step of a leaky integrate-and-fire neuron.

    v <- v + (I - v) * leak;  s = 1 if v >= threshold;  v <- v (1 - s) (hard reset) or v - threshold * s (soft reset).

    Args:
        membrane: v before the step, any shape.
        current: I, the same shape.
        leak: 1 / tau.
        threshold: in units of the membrane; equality fires.
        reset: "hard" to 0, "soft" by subtraction.
        detach_reset: keep the reset out of the gradient.
        surrogate: the spike's derivative.

    Returns:
        The membrane after the reset, and the spikes.

    Example:
        >>> v, s = lif_step(torch.zeros(2), torch.tensor([1.0, 2.0]))
        >>> v, s
        (tensor([0.5000, 0.0000]), tensor([0., 1.]))
    """
    membrane = integrate(membrane, current, leak)
    spikes = spike(membrane - threshold, surrogate)
    return after_reset(membrane, spikes.detach() if detach_reset else spikes, threshold, reset), spikes


def lif(
    currents: Tensor,
    *,
    leak: float | Tensor = 0.5,
    threshold: float = 1.0,
    reset: Reset = "hard",
    detach_reset: bool = True,
    temporal_gradient: bool = True,
    surrogate: Surrogate = Sigmoid(),
) -> Tensor:
    """Spikes of T steps from v(0) = 0, (T, *) -> (T, *); the options are those of `lif_step`.

    Args:
        temporal_gradient: False detaches the membrane before every integration (S-CMRL): dv(t)/dI(t) = leak, and no
            step sees the gradient of a later one.

    Example:
        >>> lif(torch.full((4, 1), 1.5)).flatten()
        tensor([0., 1., 0., 1.])
    """
    if not temporal_gradient:
        # With the past detached, the membranes before each step are constants: they are found without a graph, and
        # all T steps integrate at once.
        before = _membranes_before(currents.detach(), leak, threshold, reset)
        return spike(integrate(before, currents, leak) - threshold, surrogate)
    membrane = torch.zeros_like(currents[0])
    spikes: list[Tensor] = []
    for current in currents.unbind(0):  # not currents[t]: its backward is quadratic in T
        membrane, fired = lif_step(
            membrane,
            current,
            leak=leak,
            threshold=threshold,
            reset=reset,
            detach_reset=detach_reset,
            surrogate=surrogate,
        )
        spikes.append(fired)
    return torch.stack(spikes)


@torch.no_grad()
def _membranes_before(currents: Tensor, leak: float | Tensor, threshold: float, reset: Reset) -> Tensor:
    """v before the integration of each step, (T, *)."""
    membranes = torch.zeros_like(currents)
    for t, current in enumerate(currents[:-1].unbind(0)):
        membrane = torch.sub(current, membranes[t], out=membranes[t + 1]).mul_(leak).add_(membranes[t])
        fired = membrane >= threshold
        if reset == "hard":
            membrane.masked_fill_(fired, 0)
        else:
            membrane.sub_(fired.to(membrane.dtype), alpha=threshold)
    return membranes


class SpikingNeuron(nn.Module, ABC):
    """Base of every neuron: (T, B, *) currents -> (T, B, *) spikes, 0 or 1. Spikes are counted by hooks on this class.

    Args:
        threshold: in units of the membrane.
        reset: "hard" or "soft".
        detach_reset: keep the reset out of the gradient.
        temporal_gradient: let the gradient flow through time.
        surrogate: the spike's derivative.
    """

    def __init__(
        self,
        *,
        threshold: float = 1.0,
        reset: Reset = "hard",
        detach_reset: bool = True,
        temporal_gradient: bool = True,
        surrogate: Surrogate = Sigmoid(),
    ) -> None:
        super().__init__()
        self.threshold = threshold
        self.reset: Reset = reset
        self.detach_reset = detach_reset
        self.temporal_gradient = temporal_gradient
        self.surrogate = surrogate

    @abstractmethod
    def leak(self) -> float | Tensor:
        """1 / tau."""

    def forward(self, currents: Tensor) -> Tensor:
        """(T, B, *) -> (T, B, *); the membrane is kept in float32 (or wider) under autocast."""
        wide = currents.float() if currents.dtype in (torch.bfloat16, torch.float16) else currents
        spikes = lif(
            wide,
            leak=self.leak(),
            threshold=self.threshold,
            reset=self.reset,
            detach_reset=self.detach_reset,
            temporal_gradient=self.temporal_gradient,
            surrogate=self.surrogate,
        )
        return spikes.to(currents.dtype)

    def extra_repr(self) -> str:
        """Settings shown by `print(model)`."""
        return (
            f"threshold={self.threshold}, reset={self.reset}, detach_reset={self.detach_reset}, "
            f"temporal_gradient={self.temporal_gradient}, surrogate={self.surrogate}"
        )


class LIF(SpikingNeuron):
    """Leaky integrate-and-fire neuron with a fixed time constant.

    Args:
        tau: time constant in steps, > 1 leaks; other options as in `SpikingNeuron`.

    Example:
        >>> LIF(tau=2.0)(torch.full((4, 1), 2.0)).flatten()
        tensor([1., 1., 1., 1.])
    """

    def __init__(
        self,
        *,
        tau: float = 2.0,
        threshold: float = 1.0,
        reset: Reset = "hard",
        detach_reset: bool = True,
        temporal_gradient: bool = True,
        surrogate: Surrogate = Sigmoid(),
    ) -> None:
        super().__init__(
            threshold=threshold,
            reset=reset,
            detach_reset=detach_reset,
            temporal_gradient=temporal_gradient,
            surrogate=surrogate,
        )
        self.tau = tau

    def leak(self) -> float:
        """1 / tau."""
        return 1 / self.tau
