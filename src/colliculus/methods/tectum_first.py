"""The first edition of Tectum: aligned streams exchange residuals and are read out by temporal attention."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import ClassVar

from colliculus.fusion import AlignedTokens, Concat, CrossModalResidual, CrossModalSettings, TemporalAttentionReadout
from colliculus.heads import linear
from colliculus.losses import (
    CrossEntropy,
    Objective,
    SemanticAlignment,
    TemporalBalanced,
    UnimodalTemporalBalanced,
)
from colliculus.methods.temporal_transformer import TemporalTransformer
from colliculus.model import MultimodalSNN
from colliculus.types import UNIMODAL, ColliculusError, DataSpec


@dataclass(frozen=True, kw_only=True)
class FirstTectum(TemporalTransformer):
    """The exchange of S-CMRL (arXiv 2502.12488) between TAAF's time alignment and readout (our reading of 2505.14535).

    A learned alignment brings the tokens of each modality to common steps, so that simultaneous events meet. The
    modalities then exchange semantically aligned residuals through spiking attention and pass an MLP. Finally, temporal
    attention scores of the joint stream and of each modality's stream weigh the steps: in the decision, in the losses
    of the modalities' own heads and in the balance. The method is not in any paper; `Tectum` is its second edition.

    Example:
        >>> import torch
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
        >>> method = FirstTectum(dim=16, heads=4)
        >>> output = method.model(spec)({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)})
        >>> [*output.time_weights], [*method.objective()(output, torch.tensor([0, 1]))]
        (['audio', 'visual', 'fused'], ['task', 'alignment', 'unimodal_audio', 'unimodal_visual'])
    """

    name: ClassVar[str] = "tectum-first"

    heads: int = 16
    """Attention heads of the exchange."""
    alpha: float = 0.25
    """Weight of the cross-modal residual."""
    temperature: float = 0.07
    """Temperature of the alignment."""
    cross_modal: CrossModalSettings = CrossModalSettings()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.temperature < inf or not isfinite(self.alpha):
            raise ColliculusError("`temperature` must be positive and `alpha` a number")
        self.neuron.refuse_threshold(self.cross_modal, "threshold")

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape.

        Raises:
            ColliculusError: fewer than two modalities.
        """
        self.needs_two(spec)
        self.check_names(spec)
        encoders = self.token_encoders(spec)
        grids = {m: encoder.grid for m, encoder in encoders.items()}
        exchange = CrossModalResidual(
            grids,
            dim=self.dim,
            heads=self.heads,
            alpha=self.alpha,
            branches="spatiotemporal",
            alignment=True,
            join=Concat(spec.modalities, self.pooling(spec, grids)),
            neuron=self.neuron,
            settings=self.cross_modal,
        )
        fusion = AlignedTokens(self.alignments(spec), exchange)
        head = TemporalAttentionReadout(
            linear(self.dim * len(spec.modalities), spec.num_classes),
            {m: linear(self.dim, spec.num_classes) for m in spec.modalities},
        )
        return self.network(spec, encoders, fusion, head)

    def objective(self) -> Objective:
        """The loss of the decision, the temporally weighted losses of the modalities' own heads, and the alignment.

        Deviation: TAAF has a loss of the joint stream at every step. Here the loss is that of the decision: with static
        inputs the loss at every step learned more slowly.
        """
        loss = TemporalBalanced(label_smoothing=self.label_smoothing)
        own = UnimodalTemporalBalanced(loss, self.unimodal_weights)
        terms = {"task": CrossEntropy(self.label_smoothing), "alignment": SemanticAlignment(self.temperature)}
        return self.with_rate(Objective(terms, per_modality={UNIMODAL: own}))
