"""Spikformer: a spiking transformer for each modality, joined at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from colliculus.encoders import SpikformerBlock
from colliculus.fusion import CrossModalSettings
from colliculus.methods.late_streams import LateStreams
from colliculus.methods.spiking_transformer import Encoder
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class Spikformer(LateStreams):
    """Patch splitting and blocks of spiking self-attention (Zhou et al., ICLR 2023, arXiv 2209.15425), late fusion.

    Deviation: the attention has a non-silent initialisation, as in the other methods here (see docs/fidelity.md).

    Example:
        >>> import torch
        >>> from colliculus import DataSpec
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
        >>> model = Spikformer(dim=32, heads=4, depth=2).model(spec)
        >>> model({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)}).logits.shape
        torch.Size([2, 6])
    """

    name: ClassVar[str] = "spikformer"

    heads: int = 8
    """Attention heads."""
    depth: int = 4
    """Blocks of self-attention for each modality; published: 4 on CIFAR, 8 on ImageNet."""
    attention_threshold: float = CrossModalSettings.threshold
    """Threshold of the attention's neurons, except the last one of each block."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth < 1:
            raise ColliculusError(f"`depth` is {self.depth}: choose at least 1")
        self.neuron.refuse_threshold(self, "attention_threshold")

    def stream(self, encoder: Encoder) -> nn.Module:
        """The encoder, and blocks of self-attention."""
        inner = self.neuron.with_threshold(self.attention_threshold)
        blocks = (
            SpikformerBlock(self.dim, self.heads, self.neuron, attention_neuron=inner, normalise=True)
            for _ in range(self.depth)
        )
        return nn.Sequential(encoder, *blocks)
