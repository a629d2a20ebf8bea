"""Tectum: streams aligned in time exchange semantically aligned residuals, read out by temporal attention; our own."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isfinite
from typing import ClassVar

from colliculus.fusion import AlignedTokens, Concat, CrossModalArithmetic, CrossModalResidual, TemporalAttentionReadout
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
from colliculus.neurons import NeuronSettings
from colliculus.types import UNIMODAL, ColliculusError, DataSpec


@dataclass(frozen=True, kw_only=True)
class Tectum(TemporalTransformer):
    """The exchange of S-CMRL (arXiv 2502.12488) between TAAF's time alignment and readout (our reading of 2505.14535).

    The tokens of each modality are brought to common steps by a learned alignment, so that what happens at the same
    moment meets. Then the modalities exchange semantically aligned residuals through spiking attention and pass an MLP;
    then temporal attention scores of the joint stream and of each modality's own say which steps count, in the
    decision, in the losses of the own heads and in the balance. Named after the part of the midbrain that the superior
    colliculus is the upper half of. It is in no paper.

    Example:
        >>> import torch
        >>> sizes = {"audio": (32, 32), "visual": (32, 32)}
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes=sizes, num_classes=6)
        >>> method = Tectum(dim=16, heads=4)
        >>> output = method.model(spec)({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)})
        >>> [*output.time_weights], [*method.objective()(output, torch.tensor([0, 1]))]
        (['audio', 'visual', 'fused'], ['task', 'alignment', 'unimodal_audio', 'unimodal_visual'])
    """

    name: ClassVar[str] = "tectum"

    heads: int = 16
    """Attention heads of the exchange."""
    neuron: NeuronSettings = field(default_factory=lambda: NeuronSettings(temporal_gradient=True))
    alpha: float = 0.25
    """Weight of the cross-modal residual."""
    temperature: float = 0.07
    """Temperature of the alignment."""
    arithmetic: CrossModalArithmetic = CrossModalArithmetic()
    """What the cross-modal path computes."""

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
        self.check_names(spec)
        encoders = {m: self.token_encoder(spec, m) for m in spec.modalities}
        exchange = CrossModalResidual(
            {m: encoder.grid for m, encoder in encoders.items()},
            dim=self.dim,
            heads=self.heads,
            alpha=self.alpha,
            branches="spatiotemporal",
            alignment=True,
            join=Concat(spec.modalities),
            neuron=self.neuron,
            arithmetic=self.arithmetic,
        )
        return MultimodalSNN(
            spec,
            coding=self.coders(spec.modalities),
            encoders=encoders,
            fusion=AlignedTokens(self.alignments(spec.modalities), exchange),
            head=TemporalAttentionReadout(
                linear(self.dim * len(spec.modalities), spec.num_classes),
                {m: linear(self.dim, spec.num_classes) for m in spec.modalities},
            ),
            modality_dropout=self.modality_dropout,
        )

    def objective(self) -> Objective:
        """The loss of the decision, the temporally weighted ones of each modality's own head, and the alignment.

        Deviation: TAAF has a loss of the joint stream at every step. Here the decision is what is trained: with inputs
        that repeat at every step the loss of each step learned more slowly.
        """
        loss = TemporalBalanced(label_smoothing=self.label_smoothing)
        own = UnimodalTemporalBalanced(loss, self.unimodal_weights)
        terms = {"task": CrossEntropy(self.label_smoothing), "alignment": SemanticAlignment(self.temperature)}
        return Objective(terms, per_modality={UNIMODAL: own})
