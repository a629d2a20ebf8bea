"""CMCI: neurons that integrate the currents of all modalities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from colliculus.fusion import Arithmetic, CurrentIntegration, ReferenceIntegration, SynapticCurrent
from colliculus.methods.multimodal_transformer import MultimodalTransformer
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, DataSpec, refuse_unread


@dataclass(frozen=True, kw_only=True)
class CMCI(MultimodalTransformer):
    """Cross-modality current integration (ICONIP 2023): one population of neurons integrates the sum of all currents.

    The fusion has no parameters; in training whole modalities are dropped at random (ModDrop).

    Deviation: the published networks differ from task to task; here every modality has the encoder of the other
    methods and a spiking MLP whose last neurons are the shared ones. With `arithmetic` "reference" it is the network
    that the program of S-CMRL (arXiv 2502.12488) calls CMCI: learned maps, an MLP, and a head for each modality. That
    program adds three cross-entropies (joint, audio, visual) and drops no modality: `unimodal_loss` 1 and
    `modality_dropout` 0, as in the presets.

    Example:
        >>> import torch
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
        >>> inputs = {"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)}
        >>> CMCI(dim=32).model(spec)(inputs).logits.shape
        torch.Size([2, 6])
        >>> reference = CMCI(dim=32, arithmetic="reference", unimodal_loss=1.0, modality_dropout=0.0)
        >>> list(reference.model(spec)(inputs).modality_logits)
        ['audio', 'visual']
    """

    name: ClassVar[str] = "cmci"
    has_shares: ClassVar[bool] = False

    modality_dropout: float = 0.25
    """Probability that a modality's currents are silenced in a training sample (one modality always stays)."""
    arithmetic: Arithmetic = "ours"
    """Compute the published CMCI ("ours"), or the network of that name in the program of S-CMRL ("reference")."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.arithmetic == "reference" and not self.unimodal_loss:
            raise ColliculusError(
                "`unimodal_loss` is 0, and the program of S-CMRL always trains the heads of CMCI's modalities: set it "
                "to 1 as there"
            )
        if self.arithmetic == "reference":
            refuse_unread(self, ["readout"], 'with `arithmetic` "reference"')

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape."""
        tokens = self.token_encoders(spec)
        grids = {m: encoder.grid for m, encoder in tokens.items()}
        if self.arithmetic == "reference":
            encoders, fusion = tokens, ReferenceIntegration(grids, dim=self.dim, neuron=self.neuron)
        else:
            encoders = {
                m: nn.Sequential(encoder, SynapticCurrent(self.dim, self.neuron)) for m, encoder in tokens.items()
            }
            first = next(iter(grids))
            pooling = self.pooling(spec, {first: grids[first]})
            fusion = CurrentIntegration(grids, self.neuron, pooling and pooling[first])
        return self.network(spec, encoders, fusion, self.head("sum", spec))
