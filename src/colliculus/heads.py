"""Readouts: from the joint feature to logits."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from colliculus.types import Fused, Output


class LinearReadout(nn.Module):
    """A linear map of the joint feature at every step; the logits are its mean over time.

    The evidence of a modality is the map of its own part of the joint feature, with an equal share of the bias.

    Args:
        features: F.
        num_classes: K.

    Example:
        >>> import torch
        >>> joint = torch.randn(4, 2, 8)
        >>> LinearReadout(8, 5)(Fused(joint=joint, parts={"audio": joint})).logits.shape
        torch.Size([2, 5])
    """

    def __init__(self, features: int, num_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, num_classes)
        nn.init.trunc_normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, fused: Fused) -> Output:
        """Joint feature (T, B, F) -> logits (B, K), step logits and evidence (T, B, K)."""
        step_logits = self.linear(fused.joint)
        return Output(
            logits=step_logits.mean(0),
            step_logits=step_logits,
            evidence={m: self._share(part, len(fused.parts)) for m, part in fused.parts.items()},
            residual=fused.residual,
        )

    def _share(self, part: Tensor, parts: int) -> Tensor:
        return functional.linear(part, self.linear.weight, self.linear.bias / parts)
