"""Parametric LIF: the time constant is learned, one per layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from colliculus.neurons.lif import Reset, SpikingNeuron
from colliculus.neurons.surrogate import Sigmoid, Surrogate


class PLIF(SpikingNeuron):
    """Leaky integrate-and-fire neuron with a learned time constant (Fang et al., ICCV 2021, arXiv 2007.05785).

    1 / tau = sigmoid(w), so tau stays above 1 whatever the optimiser does.

    Args:
        tau: time constant at the start, > 1; other options as in `SpikingNeuron`.

    Example:
        >>> neuron = PLIF(tau=2.0)
        >>> neuron(torch.full((4, 1), 2.0)).flatten().tolist(), neuron.leak().item()
        ([1.0, 1.0, 1.0, 1.0], 0.5)
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
        self.leak_logit = nn.Parameter(torch.tensor(-math.log(tau - 1)))

    def leak(self) -> Tensor:
        """1 / tau, a scalar tensor."""
        return self.leak_logit.sigmoid()
