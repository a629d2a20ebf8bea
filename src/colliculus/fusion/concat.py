"""Fusion by concatenation."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from colliculus.layers import widened
from colliculus.types import Fused


class Concat(nn.Module):
    """Concatenates the modalities' features, each the mean over its tokens, to the joint feature.

    A modality's part is its own slice with zeros elsewhere, so that the parts sum to the joint feature. The slice of an
    absent modality is zero.

    Args:
        modalities: all of them, in order.

    Example:
        >>> fused = Concat(["audio", "visual"])({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)})
        >>> fused.joint.shape, bool((sum(fused.parts.values()) == fused.joint).all())
        (torch.Size([4, 2, 16]), True)
    """

    def __init__(self, modalities: Iterable[str]) -> None:
        super().__init__()
        self.modalities = tuple(modalities)

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> joint (T, B, M * D)."""
        features = {m: widened(x.mean(-1)) for m, x in tokens.items()}
        parts = {m: self._side_by_side({m: x}) for m, x in features.items()}
        return Fused(joint=self._side_by_side(features), parts=parts, streams=features)

    def _side_by_side(self, features: dict[str, Tensor]) -> Tensor:
        nothing = torch.zeros_like(next(iter(features.values())))
        return torch.cat([features.get(m, nothing) for m in self.modalities], dim=-1)
