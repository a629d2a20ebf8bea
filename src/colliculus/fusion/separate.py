"""Fusion without exchange."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from colliculus.fusion.concat import Concat
from colliculus.fusion.exchange import joined
from colliculus.fusion.sum import Sum
from colliculus.layers import NeuronFactory, SpikingMLP, per_modality
from colliculus.types import Fused


class SeparateStreams(nn.Module):
    """Every stream passes its own MLP; the streams meet only in the join.

    Args:
        modalities: all of them, in order.
        dim: D.
        join: joins the streams.
        neuron: makes the neurons.

    Example:
        >>> import torch
        >>> from colliculus.neurons import LIF
        >>> fusion = SeparateStreams(["audio", "visual"], dim=8, join=Sum(), neuron=LIF)
        >>> fusion({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)}).joint.shape
        torch.Size([4, 2, 8])
    """

    def __init__(self, modalities: Iterable[str], *, dim: int, join: Sum | Concat, neuron: NeuronFactory) -> None:
        super().__init__()
        self.join = join
        self.mlp = per_modality({m: SpikingMLP(dim, neuron) for m in modalities})

    def modules_of(self, modality: str) -> list[nn.Module]:
        """Modules that only this modality passes."""
        return [self.mlp[modality]]

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> `Fused`."""
        return joined(tokens, self.mlp, self.join, {})
