"""Fusion by a learned convex combination."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from colliculus.fusion.sum import sum_of
from colliculus.types import Fused


class WeightedSum(nn.Module):
    """Joint feature sum_m softmax(w)_m h_m, with h_m the mean over a modality's tokens; w starts at zero.

    The softmax runs over the modalities present, so that the joint feature keeps its scale if one is absent.

    Args:
        modalities: all of them, in order.

    Example:
        >>> join = WeightedSum(["audio", "visual"])
        >>> join({"audio": torch.ones(4, 2, 8, 9), "visual": 3 * torch.ones(4, 2, 8, 4)}).joint.unique()
        tensor([2.], grad_fn=<Unique2Backward0>)
        >>> join({"visual": 3 * torch.ones(4, 2, 8, 4)}).joint.unique()
        tensor([3.], grad_fn=<Unique2Backward0>)
    """

    def __init__(self, modalities: Iterable[str]) -> None:
        super().__init__()
        self.modalities = tuple(modalities)
        self.weights = nn.Parameter(torch.zeros(len(self.modalities)))

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> joint (T, B, D)."""
        features = {m: x.mean(-1) for m, x in tokens.items()}
        shares = self.weights[[self.modalities.index(m) for m in features]].softmax(0)
        parts = {m: share * h for share, (m, h) in zip(shares, features.items(), strict=True)}
        return Fused(joint=sum_of(parts), parts=parts, streams=features)
