"""The neuron of the ANN counterpart: a ReLU, which has no state and sends real numbers."""

from __future__ import annotations

from torch import Tensor

from colliculus.neurons.kernels.multi_step import num_steps
from colliculus.neurons.neuron import Neuron


class ReLUNeuron(Neuron):
    """max(x, 0) at every step: what a trained ANN counterpart has in the place of a spiking neuron. No spikes.

    Example:
        >>> import torch
        >>> ReLUNeuron()(torch.tensor([[-1.0], [0.3]])).flatten()
        tensor([0.0000, 0.3000])
    """

    def forward(self, currents: Tensor, steps: int | None = None) -> Tensor:
        """(T, B, *) -> (T, B, *), or (1, B, *) -> (steps, B, *), whose steps share their memory."""
        return currents.relu().expand(num_steps(currents, steps), *currents.shape[1:])

    def keeps_order(self, steps: int) -> bool:  # noqa: ARG002
        """True for any number of steps."""
        return True
