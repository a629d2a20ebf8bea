"""Fusion by addition."""

from __future__ import annotations

from torch import Tensor, nn

from colliculus.layers import widened
from colliculus.types import Fused


class Sum(nn.Module):
    """Adds the modalities' features, each the mean over its tokens, to the joint feature (`add` in S-CMRL).

    Example:
        >>> import torch
        >>> Sum()({"audio": torch.ones(4, 2, 8, 9), "visual": torch.ones(4, 2, 8, 4)}).joint.unique()
        tensor([2.])
    """

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> joint (T, B, D)."""
        parts = {m: widened(x.mean(-1)) for m, x in tokens.items()}
        return Fused(joint=sum_of(parts), parts=parts, streams=parts)


def sum_of(parts: dict[str, Tensor]) -> Tensor:
    """The sum of the values, in declared order."""
    first, *others = parts.values()
    for part in others:
        first = first + part
    return first
