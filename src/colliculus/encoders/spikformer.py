"""The block of a single-modality spiking transformer."""

from __future__ import annotations

from torch import Tensor, nn

from colliculus.layers import NeuronFactory, OverTokens, SpikingAttention, SpikingMLP
from colliculus.neurons import LIF


class SpikformerBlock(nn.Module):
    """Spiking self-attention over the tokens as a residual, then a spiking MLP (Spikformer, arXiv 2209.15425).

    Args:
        dim: D.
        heads: number of heads.
        neuron: makes the neurons.
        attention_neuron: makes those of q, k, v and the attention's output; None uses `neuron`.
        normalise: BatchNorm before the attention's neuron.

    Example:
        >>> import torch
        >>> SpikformerBlock(32, 4)(torch.zeros(4, 2, 32, 9)).shape
        torch.Size([4, 2, 32, 9])
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        neuron: NeuronFactory = LIF,
        *,
        attention_neuron: NeuronFactory | None = None,
        normalise: bool = False,
    ) -> None:
        super().__init__()
        self.attention = SpikingAttention(
            dim, heads, OverTokens(), neuron, attention_neuron=attention_neuron, normalise=normalise
        )
        self.mlp = SpikingMLP(dim, neuron)

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, D, N) -> (T, B, D, N)."""
        return self.mlp(x + self.attention(x, x))
