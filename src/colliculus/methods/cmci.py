"""CMCI: neurons that integrate the currents of all modalities; as published, and as the program of S-CMRL has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from colliculus.fusion import CurrentIntegration, ReferenceIntegration, SynapticCurrent
from colliculus.methods.multimodal_transformer import MultimodalTransformer
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, DataSpec


@dataclass(frozen=True, kw_only=True)
class CMCI(MultimodalTransformer):
    """Cross-modality current integration (ICONIP 2023): one population of neurons takes the sum of all currents.

    The fusion has no parameters; in training whole modalities are dropped at random (ModDrop).

    Deviation: the published networks differ from task to task; here every modality has the encoder of the other
    methods, and a spiking MLP whose last neurons are the shared ones.

    Example:
        >>> import torch
        >>> sizes = {"audio": (32, 32), "visual": (32, 32)}
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes=sizes, num_classes=6)
        >>> model = CMCI(dim=32).model(spec)
        >>> model({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)}).logits.shape
        torch.Size([2, 6])
    """

    name: ClassVar[str] = "cmci"
    has_shares: ClassVar[bool] = False

    modality_dropout: float = 0.25
    """Probability that a modality's currents are silenced in a training sample (one modality always stays)."""

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape."""
        splitting = {m: self.token_encoder(spec, m) for m in spec.modalities}
        return MultimodalSNN(
            spec,
            coding=self.coders(spec.modalities),
            encoders={m: nn.Sequential(sps, SynapticCurrent(self.dim, self.neuron)) for m, sps in splitting.items()},
            fusion=CurrentIntegration({m: sps.grid for m, sps in splitting.items()}, self.neuron),
            head=self.readout("sum", spec),
            modality_dropout=self.modality_dropout,
        )


@dataclass(frozen=True, kw_only=True)
class ReferenceCMCI(MultimodalTransformer):
    """What the program of S-CMRL (arXiv 2502.12488) calls CMCI: learned maps, an MLP, and a head of each modality.

    Its three cross-entropies (joint, audio, visual) are summed; `output.modality_logits` holds what the modalities'
    own heads say.

    Example:
        >>> import torch
        >>> sizes = {"audio": (32, 32), "visual": (32, 32)}
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes=sizes, num_classes=6)
        >>> model = ReferenceCMCI(dim=32).model(spec)
        >>> output = model({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)})
        >>> output.logits.shape, list(output.modality_logits)
        (torch.Size([2, 6]), ['audio', 'visual'])
    """

    name: ClassVar[str] = "cmci-reference"
    has_shares: ClassVar[bool] = False

    unimodal_loss: float = 1.0
    """Weight of the cross-entropies of the modalities' own heads."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.unimodal_loss:
            raise ColliculusError(
                "the program of S-CMRL always trains CMCI's own heads: choose a `unimodal_loss` above 0"
            )

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape."""
        encoders = {m: self.token_encoder(spec, m) for m in spec.modalities}
        grids = {m: encoder.grid for m, encoder in encoders.items()}
        return MultimodalSNN(
            spec,
            coding=self.coders(spec.modalities),
            encoders=encoders,
            fusion=ReferenceIntegration(grids, dim=self.dim, neuron=self.neuron),
            head=self.readout("sum", spec),
            modality_dropout=self.modality_dropout,
        )
