"""Fusion by concatenation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from colliculus.types import Fused


class Concat(nn.Module):
    """The joint feature is the modalities' features side by side, each the mean over its tokens.

    A modality's part is its own slice with zeros elsewhere, so that the parts sum to the joint feature.

    Example:
        >>> fused = Concat()({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)})
        >>> fused.joint.shape, bool((sum(fused.parts.values()) == fused.joint).all())
        (torch.Size([4, 2, 16]), True)
    """

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> joint (T, B, M * D)."""
        features = {m: x.mean(-1) for m, x in tokens.items()}
        parts = {
            m: torch.cat([x if other == m else torch.zeros_like(x) for other, x in features.items()], dim=-1)
            for m in features
        }
        return Fused(joint=torch.cat([*features.values()], dim=-1), parts=parts)
