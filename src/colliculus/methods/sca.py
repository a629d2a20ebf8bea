"""SCA: spiking cross-attention in place of what a modality had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from colliculus.fusion import REFERENCE, CrossModalArithmetic, SpikingCrossAttention
from colliculus.methods.multimodal_transformer import Join, MultimodalTransformer
from colliculus.model import MultimodalSNN
from colliculus.types import DataSpec


@dataclass(frozen=True, kw_only=True)
class SCA(MultimodalTransformer):
    """Spiking cross-attention over tokens with a bias by distance; what is received replaces the tokens.

    The bias is a learned parameter of every direction, and the attention is revived as in S-CMRL.

    Deviation: `reference` computes what the released S-CMRL (arXiv 2502.12488) calls SCA: the bias is drawn at random
    at every forward, test included, and only where visual receives of audio.

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
    """How the streams are joined at the end."""
    attention_threshold: float = CrossModalArithmetic.threshold
    """Of the attention's neurons, the last one of each direction excepted."""
    reference: bool = False
    """The released program's arithmetic: a bias drawn anew at every forward, test included (evaluation here always
    begins with the same draw), threshold 1 in the attention, no normalisation in it, a silent start."""

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape.

        Raises:
            ColliculusError: fewer than two modalities.
        """
        self.needs_two(spec)
        encoders = {m: self.token_encoder(spec, m) for m in spec.modalities}
        return MultimodalSNN(
            spec,
            coding=self.coders(spec.modalities),
            encoders=encoders,
            fusion=SpikingCrossAttention(
                {m: encoder.grid for m, encoder in encoders.items()},
                dim=self.dim,
                heads=self.heads,
                join=self.join(self.fusion, spec),
                neuron=self.neuron,
                attention_threshold=REFERENCE.threshold if self.reference else self.attention_threshold,
                reference=self.reference,
            ),
            head=self.readout(self.fusion, spec),
            modality_dropout=self.modality_dropout,
        )
