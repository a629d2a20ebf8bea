"""Weighted attention: one learned weight for each modality at every step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from colliculus.fusion.joins import joined
from colliculus.layers import SpikingMLP, per_modality, token_mean
from colliculus.neurons import NeuronSettings
from colliculus.types import Fused


class ModalityWeight(nn.Module):
    """w = fc2(fc1([own mean ; means of the others])), without an activation: a number for every step and sample."""

    def __init__(self, dim: int, num_modalities: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(num_modalities * dim, dim)
        self.weight = nn.Linear(dim, 1)

    def forward(self, means: list[Tensor]) -> Tensor:
        """Means over tokens (T, B, D), the modality's own first -> (T, B, 1)."""
        return self.weight(self.hidden(torch.cat(means, dim=-1)))


class WeightedTokens(nn.Module):
    """x' = w x, where each modality's w is computed from the means of all; then an MLP, and the join.

    This is the baseline called WeightAttention in the program of S-CMRL (arXiv 2502.12488), for M modalities. The mean
    of an absent modality is zero.

    Example:
        >>> from colliculus.fusion import Sum
        >>> fusion = WeightedTokens(["audio", "visual"], dim=8, join=Sum(), neuron=NeuronSettings())
        >>> fusion({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)}).joint.shape
        torch.Size([4, 2, 8])
    """

    def __init__(self, modalities: Iterable[str], *, dim: int, join: nn.Module, neuron: NeuronSettings) -> None:
        super().__init__()
        self.modalities = tuple(modalities)
        self.join = join
        self.weight = per_modality({m: ModalityWeight(dim, len(self.modalities)) for m in self.modalities})
        self.mlp = per_modality({m: SpikingMLP(dim, neuron) for m in self.modalities})

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> `Fused`; the residuals are the weighted tokens."""
        means = {m: token_mean(x) for m, x in tokens.items()}
        weighted = {m: x * self._weight(m, means).unsqueeze(-1) for m, x in tokens.items()}
        return joined(weighted, self.mlp, self.join, weighted)

    def _weight(self, modality: str, means: Mapping[str, Tensor]) -> Tensor:
        nothing = torch.zeros_like(means[modality])
        others = [means.get(m, nothing) for m in self.modalities if m != modality]
        return self.weight[modality]([means[modality], *others])
