"""Late fusion: the modalities meet only at the readout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

from torch import nn

from colliculus.fusion import FUSIONS, SeparateStreams
from colliculus.methods.multimodal_transformer import Join, MultimodalTransformer
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, DataSpec, refuse_unread, unknown_name


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

    fusion: str = "sum"
    """Join of the features: "sum", "concat", or the name of a fusion of another package (colliculus.fusion.FUSIONS)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fusion not in (*get_args(Join), *FUSIONS):
            raise unknown_name("fusion", self.fusion, [*get_args(Join), *FUSIONS])
        if self.fusion in FUSIONS:
            refuse_unread(self, ["readout"], "with the fusion of another package")

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape."""
        encoders = self.token_encoders(spec)
        if self.fusion in FUSIONS:
            made = FUSIONS[self.fusion](spec, self.dim)
            return self.network(spec, encoders, made, self.head_for(_features(made, self.fusion), spec))
        join: Join = "concat" if self.fusion == "concat" else "sum"
        streams = self.join(join, spec, encoders)
        fusion = SeparateStreams(spec.modalities, dim=self.dim, join=streams, neuron=self.neuron)
        return self.network(spec, encoders, fusion, self.head(join, spec))


def _features(fusion: nn.Module, name: str) -> int:
    """F of the fusion of another package.

    Raises:
        ColliculusError: it does not say so.
    """
    if not isinstance(features := getattr(fusion, "features", None), int):
        raise ColliculusError(f"the fusion {name} does not say how wide its joint feature is: give it `features`")
    return features
