"""S-CMRL: semantic-alignment cross-modal residual learning."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import ClassVar

from colliculus.fusion import REFERENCE, CrossModalArithmetic, CrossModalResidual
from colliculus.fusion.cross_modal import Branches
from colliculus.losses import Objective, SemanticAlignment
from colliculus.methods.multimodal_transformer import Join, MultimodalTransformer
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, DataSpec


@dataclass(frozen=True, kw_only=True)
class SCMRL(MultimodalTransformer):
    """Semantic-alignment cross-modal residual learning (He et al., arXiv 2502.12488).

    Each modality is split into tokens by a spiking encoder, receives a residual from every other modality through
    spiking attention over tokens and steps, and passes an MLP; the streams are joined and read out. The residuals of
    clips of one class are pulled together across modalities.

    Deviation: unless `reference`, the cross-modal path is revived (see docs/fidelity.md): in the released program it
    starts silent.

    Example:
        >>> import torch
        >>> sizes = {"audio": (32, 32), "visual": (32, 32)}
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes=sizes, num_classes=6)
        >>> model = SCMRL(dim=32, heads=4).model(spec)
        >>> model({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)}).logits.shape
        torch.Size([2, 6])
    """

    name: ClassVar[str] = "scmrl"

    heads: int = 16
    """Attention heads."""
    cross_attention: Branches = "spatiotemporal"
    """Branches of the cross-modal attention."""
    alpha: float = 1.5
    """Weight of the cross-modal residual."""
    alignment: bool = True
    """Semantic branch and alignment loss."""
    temperature: float = 0.07
    """Temperature of the alignment."""
    fusion: Join = "sum"
    """How the streams are joined at the end."""
    arithmetic: CrossModalArithmetic = CrossModalArithmetic()
    """What the cross-modal path computes."""
    reference: bool = False
    """The released program's arithmetic in place of `arithmetic`, silent start included."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.temperature < inf or not isfinite(self.alpha):
            raise ColliculusError("`temperature` must be positive and `alpha` a number")

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape.

        Raises:
            ColliculusError: fewer than two modalities.
        """
        self.needs_two(spec)
        encoders = {m: self.token_encoder(spec, m) for m in spec.modalities}
        exchange = CrossModalResidual(
            {m: encoder.grid for m, encoder in encoders.items()},
            dim=self.dim,
            heads=self.heads,
            alpha=self.alpha,
            branches=self.cross_attention,
            alignment=self.alignment,
            join=self.join(self.fusion, spec),
            neuron=self.neuron,
            arithmetic=REFERENCE if self.reference else self.arithmetic,
        )
        return MultimodalSNN(
            spec,
            coding=self.coders(spec.modalities),
            encoders=encoders,
            fusion=exchange,
            head=self.readout(self.fusion, spec),
            modality_dropout=self.modality_dropout,
        )

    def objective(self) -> Objective:
        """Label-smoothed cross-entropy, and the alignment of the residuals."""
        task = super().objective()
        if not self.alignment:
            return task
        return Objective({**task.terms, "alignment": SemanticAlignment(self.temperature)})
