"""Unimodal: a spiking transformer on one modality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from colliculus.encoders import SpikformerBlock
from colliculus.fusion import Arithmetic, CrossModalSettings, Sum, path_settings
from colliculus.heads import LinearReadout
from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, DataSpec, refuse_unread


@dataclass(frozen=True, kw_only=True)
class Unimodal(SpikingTransformer):
    """A spiking transformer on one modality of the data: patch splitting, one self-attention block, readout.

    Deviation: with `arithmetic` "ours", the attention has a non-silent initialisation (see docs/fidelity.md).

    Example:
        >>> import torch
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
        >>> model = Unimodal(modality="visual", dim=32, heads=4).model(spec)
        >>> model({"visual": torch.zeros(2, 3, 32, 32)}).logits.shape
        torch.Size([2, 6])
    """

    name: ClassVar[str] = "unimodal"

    modality: str = "audio"
    """Modality to use; the others are ignored."""
    heads: int = 16
    """Attention heads."""
    attention_threshold: float = CrossModalSettings.threshold
    """Threshold of the attention's neurons with "ours", except the last one."""
    arithmetic: Arithmetic = "ours"
    """Compute ours, or as the program of S-CMRL ("reference"): threshold 1 and no normalisation in the attention, which
    starts silent."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.arithmetic == "reference":
            refuse_unread(self, ["attention_threshold"], 'with `arithmetic` "reference"')
        self.neuron.refuse_threshold(self, "attention_threshold")

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for that modality of the data.

        Raises:
            ColliculusError: the data have no such modality.
        """
        if self.modality not in spec.modalities:
            raise ColliculusError(
                f"the data have no modality {self.modality!r}: choose one of {', '.join(spec.modalities)}"
            )
        settings = path_settings(self.arithmetic, CrossModalSettings(threshold=self.attention_threshold))
        block = SpikformerBlock(
            self.dim,
            self.heads,
            self.neuron,
            attention_neuron=self.neuron.with_threshold(settings.threshold),
            normalise=settings.normalise,
        )
        encoder = self.token_encoder(spec, self.modality)
        model = MultimodalSNN(
            spec,
            coding=self.coders(spec, [self.modality]),
            encoders={self.modality: nn.Sequential(encoder, block)},
            fusion=Sum(self.pooling(spec, {self.modality: encoder.grid})),
            head=LinearReadout(self.dim, spec.num_classes),
        )
        return self.counted(model)
