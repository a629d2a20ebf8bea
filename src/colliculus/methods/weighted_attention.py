"""Weighted attention: the baseline called WeightAttention in the program of S-CMRL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from colliculus.fusion import WeightedTokens
from colliculus.methods.multimodal_transformer import Join, MultimodalTransformer
from colliculus.model import MultimodalSNN
from colliculus.types import DataSpec


@dataclass(frozen=True, kw_only=True)
class WeightedAttention(MultimodalTransformer):
    """Multiplies every modality's tokens by one learned weight for each step, computed from the means of all.

    The released S-CMRL (arXiv 2502.12488) compares with it under the name WeightAttention: no activation, no residual.

    Example:
        >>> import torch
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
        >>> model = WeightedAttention(dim=32).model(spec)
        >>> model({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)}).logits.shape
        torch.Size([2, 6])
    """

    name: ClassVar[str] = "weighted-attention"

    fusion: Join = "sum"
    """Join of the weighted streams."""

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape."""
        encoders = self.token_encoders(spec)
        join = self.join(self.fusion, spec, encoders)
        fusion = WeightedTokens(spec.modalities, dim=self.dim, join=join, neuron=self.neuron)
        return self.network(spec, encoders, fusion, self.head(self.fusion, spec))
