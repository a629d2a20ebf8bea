"""Late fusion: the modalities meet only at the readout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from colliculus.fusion import SeparateStreams
from colliculus.methods.multimodal_transformer import Join, MultimodalTransformer
from colliculus.model import MultimodalSNN
from colliculus.types import DataSpec


@dataclass(frozen=True, kw_only=True)
class LateFusion(MultimodalTransformer):
    """Splits every modality into tokens, passes each through an MLP, and adds or concatenates the features.

    This is S-CMRL without exchange: the baseline called `none` with `add` or `concat` in its program.

    Example:
        >>> import torch
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
        >>> model = LateFusion(dim=32, fusion="concat").model(spec)
        >>> model({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)}).step_logits.shape
        torch.Size([4, 2, 6])
    """

    name: ClassVar[str] = "late-fusion"

    fusion: Join = "sum"
    """Join of the features."""

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape."""
        encoders = self.token_encoders(spec)
        join = self.join(self.fusion, spec, encoders)
        fusion = SeparateStreams(spec.modalities, dim=self.dim, join=join, neuron=self.neuron)
        return self.network(spec, encoders, fusion, self.head(self.fusion, spec))
