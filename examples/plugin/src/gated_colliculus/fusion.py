"""A fusion: each modality is weighted by a learned gate."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import colliculus as cl


class GatedSum(nn.Module):
    """Tokens (T, B, D, N) of the modalities that are present -> a joint feature (T, B, D)."""

    def __init__(self, spec: cl.DataSpec, dim: int) -> None:
        super().__init__()
        self.features = dim
        self.gates = nn.ModuleDict({m: nn.Linear(dim, 1) for m in spec.modalities})

    def modules_of(self, modality: str) -> list[nn.Module]:
        """Layers of one modality alone."""
        return [self.gates[modality]]

    def forward(self, tokens: dict[str, Tensor]) -> cl.Fused:
        """Gate and add."""
        features = {m: x.mean(-1) for m, x in tokens.items()}
        parts = {m: torch.sigmoid(self.gates[m](x)) * x for m, x in features.items()}
        return cl.Fused(joint=torch.stack([*parts.values()]).sum(0), parts=parts, streams=features)
