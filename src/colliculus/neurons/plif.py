"""Parametric LIF: the time constant is learned, one per layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from colliculus.neurons.dynamics import TAU, Dynamics
from colliculus.neurons.lif import SpikingNeuron


class PLIF(SpikingNeuron):
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
