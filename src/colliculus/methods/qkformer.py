"""QKFormer: a hierarchical spiking transformer for each modality, joined at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from colliculus.methods.late_streams import LateStreams
from colliculus.methods.spiking_transformer import Encoder, EncoderName


@dataclass(frozen=True, kw_only=True)
class QKFormer(LateStreams):
    """The hierarchical transformer of Zhou et al. (NeurIPS 2024, arXiv 2403.16552) for each modality, late fusion.

    `colliculus.encoders.SpikingQKFormer` is the network, and names its deviations.

    Example:
        >>> import torch
        >>> from colliculus import DataSpec
        >>> sizes = {"audio": (32, 32), "visual": (32, 32)}
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes=sizes, num_classes=6)
        >>> model = QKFormer(dim=32).model(spec)
        >>> model({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)}).logits.shape
        torch.Size([2, 6])
    """

    name: ClassVar[str] = "qkformer"

    encoder: EncoderName = "qkformer"
    """The network itself, "qkformer"; `late-fusion` takes any encoder."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.needs_encoder("qkformer")

    def stream(self, encoder: Encoder) -> nn.Module:
        """The encoder alone."""
        return encoder
