"""SCA: spiking cross-attention that replaces a modality's tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from colliculus.fusion import Arithmetic, CrossModalSettings, SpikingCrossAttention
from colliculus.methods.multimodal_transformer import Join, MultimodalTransformer
from colliculus.model import MultimodalSNN
from colliculus.types import DataSpec, refuse_unread


@dataclass(frozen=True, kw_only=True)
class SCA(MultimodalTransformer):
    """Spiking cross-attention over tokens with a bias by distance; the received tokens replace a modality's own.

    The bias is learned in every direction, and the attention has a non-silent initialisation as in S-CMRL.

    Deviation: with `arithmetic` "reference" it is what the released S-CMRL (arXiv 2502.12488) calls SCA: the bias is
    drawn at random at every forward pass, in evaluation too, and only where visual receives from audio.

    Example:
        >>> import torch
        >>> sizes = {"audio": (32, 32), "visual": (32, 32)}
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes=sizes, num_classes=6)
        >>> model = SCA(dim=32, heads=4).model(spec)
        >>> model({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)}).logits.shape
        torch.Size([2, 6])
    """

    name: ClassVar[str] = "sca"

    heads: int = 16
    """Attention heads."""
    fusion: Join = "sum"
    """Join of the streams at the end."""
    attention_threshold: float = CrossModalSettings.threshold
    """Threshold of the attention's neurons with "ours", except the last one of each direction."""
    arithmetic: Arithmetic = "ours"
    """Compute ours, or as the released program ("reference"): a bias drawn at every forward pass (in evaluation always
    the same), threshold 1 and no normalisation in the attention, which starts silent."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.arithmetic == "reference":
            refuse_unread(self, ["attention_threshold"], 'with `arithmetic` "reference"')
        self.neuron.refuse_threshold(self, "attention_threshold")

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape.

        Raises:
            ColliculusError: fewer than two modalities.
        """
        self.needs_two(spec)
        encoders = self.token_encoders(spec)
        fusion = SpikingCrossAttention(
            {m: encoder.grid for m, encoder in encoders.items()},
            dim=self.dim,
            heads=self.heads,
            join=self.join(self.fusion, spec, encoders),
            neuron=self.neuron,
            attention_threshold=self.attention_threshold,
            arithmetic=self.arithmetic,
        )
        return self.network(spec, encoders, fusion, self.head(self.fusion, spec))
