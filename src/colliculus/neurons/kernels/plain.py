"""The loop over time, the reference of the other kernels. Autograd computes its gradient, also the second one."""

from __future__ import annotations

import torch
from torch import Tensor

from colliculus.neurons.dynamics import Dynamics, lif_step
from colliculus.neurons.kernels.analytic import AnyDynamics
from colliculus.neurons.levels import graded_step


def run(currents: Tensor, leak: float | Tensor, dynamics: AnyDynamics, steps: int) -> Tensor:
    """Spikes (steps, *) of currents (steps, *) or (1, *)."""
    return run_from(currents, None, leak, dynamics, steps)[0]


def run_from(
    currents: Tensor, membrane: Tensor | None, leak: float | Tensor, dynamics: AnyDynamics, steps: int
) -> tuple[Tensor, Tensor]:
    """Spikes, and the membrane (*) after the last step; None starts from 0."""
    membrane = torch.zeros_like(currents[0]) if membrane is None else membrane
    spikes: list[Tensor] = []
    for current in currents.expand(steps, *currents.shape[1:]).unbind(0):  # not [t]: its backward is quadratic in T
        if isinstance(dynamics, Dynamics):
            membrane, fired = lif_step(membrane, current, leak, dynamics)
        else:
            membrane, fired = graded_step(membrane, current, leak, dynamics)
        spikes.append(fired)
    return torch.stack(spikes), membrane
