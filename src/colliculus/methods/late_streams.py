"""Base of baselines that run one published network for each modality and join the features at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import nn

from colliculus.methods.multimodal_transformer import Join, MultimodalTransformer
from colliculus.methods.spiking_transformer import Encoder, EncoderName
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, DataSpec


@dataclass(frozen=True, kw_only=True)
class LateStreams(MultimodalTransformer, ABC):
    """Settings of a late fusion: a network for each modality, a join and a readout, with nothing between them."""

    fusion: Join = "sum"
    """Join of the features."""

    @abstractmethod
    def stream(self, encoder: Encoder) -> nn.Module:
        """The network of a modality, frames to tokens, whose encoder is this one."""

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape."""
        encoders = self.token_encoders(spec)
        join = self.join(self.fusion, spec, encoders)
        streams = {m: self.stream(encoder) for m, encoder in encoders.items()}
        return self.network(spec, streams, join, self.head(self.fusion, spec))

    def needs_encoder(self, name: EncoderName) -> None:
        """Refuse another encoder than the one that makes the method."""
        if self.encoder != name:
            raise ColliculusError(
                f'`encoder` is "{self.encoder}", but {self.name} is the encoder "{name}": leave it, or choose '
                "late-fusion for another encoder"
            )
