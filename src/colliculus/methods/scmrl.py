"""S-CMRL: semantic-alignment cross-modal residual learning."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import ClassVar

from colliculus.fusion import Arithmetic, CrossModalResidual, CrossModalSettings, path_settings
from colliculus.fusion.cross_modal import Branches, Residual
from colliculus.losses import Normalise, Objective, SemanticAlignment
from colliculus.methods.multimodal_transformer import Join, MultimodalTransformer
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, DataSpec, refuse_unread


@dataclass(frozen=True, kw_only=True)
class SCMRL(MultimodalTransformer):
    """Semantic-alignment cross-modal residual learning (He et al., arXiv 2502.12488).

    Each modality is split into tokens by a spiking encoder, receives a residual from every other modality through
    spiking attention over tokens and steps, and passes an MLP; the streams are joined and read out. The residuals of
    clips of one class are pulled together across modalities.

    Deviation: with `arithmetic` "ours", the cross-modal path has a non-silent initialisation (see docs/fidelity.md),
    and alpha is 0.25, because this residual is much stronger than one that starts silent. The released program has
    alpha 1.5, as the presets of the reference.

    Example:
        >>> import torch
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
        >>> model = SCMRL(dim=32, heads=4).model(spec)
        >>> model({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)}).logits.shape
        torch.Size([2, 6])
    """

    name: ClassVar[str] = "s-cmrl"

    heads: int = 16
    """Attention heads."""
    cross_attention: Branches = "spatiotemporal"
    """Branches of the cross-modal attention; "mask" has a mask of spikes in its place, without heads."""
    alpha: float = 0.25
    """Weight of the cross-modal residual."""
    residual: Residual = "add"
    """Add what a modality receives to its tokens, x' = x + alpha r ("add"), or put it in their place, x' = r
    ("replace"): then a modality that is alone keeps its tokens, and `alpha`, which is not read, stays at 0.25."""
    alignment: bool = True
    """Semantic branch and alignment loss."""
    temperature: float = 0.07
    """Temperature of the alignment."""
    normalise: Normalise = "pairs"
    """Mean of the alignment over all "pairs" of samples, as published, or over the "positives" (of one class), whose
    size does not depend on the number of classes."""
    fusion: Join = "sum"
    """Join of the streams at the end."""
    arithmetic: Arithmetic = "ours"
    """Compute ours, with the settings in `cross_modal`, or as the released program ("reference"), where the cross-modal
    path starts silent."""
    cross_modal: CrossModalSettings = CrossModalSettings()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.temperature < inf or not isfinite(self.alpha):
            raise ColliculusError("`temperature` must be positive and `alpha` a number")
        if self.arithmetic == "reference":
            refuse_unread(self, ["cross_modal"], 'with `arithmetic` "reference"')
        if self.residual == "replace":
            refuse_unread(self, ["alpha"], 'with `residual` "replace"')
        if not self.alignment:
            refuse_unread(self, ["temperature", "normalise"], "without `alignment`")
            refuse_unread(self.cross_modal, ["capped"], "without `alignment`")
        if self.cross_attention != "spatiotemporal":
            refuse_unread(self.cross_modal, ["combination"], "with one branch of `cross_attention`")
        if self.cross_attention in ("spatial", "mask"):
            refuse_unread(self.cross_modal, ["swap", "causal"], f'with `cross_attention` "{self.cross_attention}"')
        if self.cross_attention == "mask":
            refuse_unread(self, ["heads"], 'with `cross_attention` "mask"')
            refuse_unread(self.cross_modal, ["scale"], 'with `cross_attention` "mask"')
        self.neuron.refuse_threshold(self.cross_modal, "threshold")

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape.

        Raises:
            ColliculusError: fewer than two modalities.
        """
        self.needs_two(spec)
        encoders = self.token_encoders(spec)
        exchange = CrossModalResidual(
            {m: encoder.grid for m, encoder in encoders.items()},
            dim=self.dim,
            heads=self.heads,
            alpha=self.alpha,
            branches=self.cross_attention,
            alignment=self.alignment,
            join=self.join(self.fusion, spec, encoders),
            neuron=self.neuron,
            settings=path_settings(self.arithmetic, self.cross_modal),
            residual=self.residual,
        )
        return self.network(spec, encoders, exchange, self.head(self.fusion, spec))

    def objective(self) -> Objective:
        """Label-smoothed cross-entropy, and the alignment of the residuals."""
        task = super().objective()
        if not self.alignment:
            return task
        return Objective({**task.terms, "alignment": SemanticAlignment(self.temperature, self.normalise)})
