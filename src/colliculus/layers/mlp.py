"""The spiking feed-forward layer of a block."""

from __future__ import annotations

from torch import Tensor, nn

from colliculus.layers.conv_bn_spike import NeuronFactory, ProjectionBNSpike
from colliculus.neurons import LIF


class SpikingMLP(nn.Module):
    """x + MLP(x), the MLP being two projections with bias and a hidden width of `ratio` * D: (T, B, D, N) -> same.

    Example:
        >>> import torch
        >>> SpikingMLP(16)(torch.zeros(4, 2, 16, 9)).shape
        torch.Size([4, 2, 16, 9])
    """

    def __init__(self, dim: int, neuron: NeuronFactory = LIF, *, ratio: int = 4) -> None:
        super().__init__()
        self.expand = ProjectionBNSpike(dim, ratio * dim, neuron, bias=True)
        self.contract = ProjectionBNSpike(ratio * dim, dim, neuron, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, D, N) -> (T, B, D, N)."""
        return x + self.contract(self.expand(x))
