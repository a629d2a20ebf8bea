"""TAAF: temporal attention-guided adaptive fusion (our reading)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from colliculus.fusion import (
    ApplyTo,
    Concat,
    ScoreInput,
    ScoreReduction,
    TemporalAttentionReadout,
    TimeAligned,
    WeightedSum,
    weighted,
)
from colliculus.heads import linear
from colliculus.layers import per_modality
from colliculus.losses import (
    FusedTemporalBalanced,
    Objective,
    Regulariser,
    TemporalBalanced,
    UnimodalTemporalBalanced,
)
from colliculus.methods.spiking_transformer import Encoder, EncoderName
from colliculus.methods.temporal_transformer import TemporalTransformer
from colliculus.model import MultimodalSNN
from colliculus.types import UNIMODAL, DataSpec

ScoreGradient = Literal["full", "detach_in_loss", "detach"]


@dataclass(frozen=True, kw_only=True)
class TAAF(TemporalTransformer):
    """Temporal attention-guided adaptive fusion (Shen et al., ACM Multimedia 2025, arXiv 2505.14535), our reading.

    Each modality is encoded with its own number of steps, aligned to common steps and joined. A temporal attention
    score of each stream weighs the steps: in the decision, and in the losses of the joint stream and of each modality's
    own head, or its slice of the joint one. The scores of the modalities also slow down the modality that is ahead in
    training.

    Deviation: no program was released. The parts are those of the published summaries; where these leave the form open,
    the settings below have an option for each reading. For a linear readout `apply_to` does not change y, only the
    logits in the loss of each step (see `TemporalAttentionReadout`).

    Example:
        >>> import torch
        >>> sizes = {"audio": (32, 32), "visual": (28, 28)}
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes=sizes, num_classes=6)
        >>> method = TAAF(dim=16, encoder="shallow", modality_steps={"visual": 6})
        >>> output = method.model(spec)({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 28, 28)})
        >>> {stream: tuple(weights.shape) for stream, weights in output.time_weights.items()}
        {'audio': (4, 2), 'visual': (4, 2), 'fused': (4, 2)}
        >>> [*method.objective()(output, torch.tensor([0, 1]))]
        ['task', 'unimodal_audio', 'unimodal_visual']
    """

    name: ClassVar[str] = "taaf"

    dim: int = 512
    """D, width of a token; a multiple of 8 (2 with the shallow encoder)."""
    encoder: EncoderName = "resnet18"
    """Spiking ResNet-18 whose residuals add currents ("resnet18") or spikes ("sew-resnet18"), or patch splitting,
    "deep" (16-pixel patches) or "shallow" (4-pixel patches)."""
    label_smoothing: float = 0.0
    """Label smoothing of the cross-entropies."""
    heads: Literal["own", "shared"] = "own"
    """Unimodal logits: a head of each modality's "own", or its slice of the joint classifier ("shared")."""
    fusion: Literal["concat", "sum"] = "concat"
    """Join of the aligned streams: side by side, or as a sum with learned weights."""
    score_input: ScoreInput = "features"
    """Input of the temporal attention: "features" or "logits" of a stream."""
    score_reduction: ScoreReduction = "mean"
    """Score of a step: "mean" over the queries, "last" query (no step uses later ones), "max" or "diagonal"."""
    apply_to: ApplyTo = "logits"
    """Where the score of the joint stream acts: "logits", "features" (pooled, then read out once) or "gate"."""
    score_gradient: ScoreGradient = "full"
    """Where gradients flow through the scores: everywhere ("full"), not as weights of the loss ("detach_in_loss"; the
    scores of the modalities, and with "logits" the joint ones, then do not learn) or nowhere ("detach")."""
    regulariser: Regulariser = "tet"
    """Regulariser of every stream's loss: "tet" pulls the logits to 1, "mean_ce" adds the loss of their mean; or "none"
    (`benchmarks/readings.py` chose)."""
    regulariser_weight: float = TemporalBalanced.regulariser_weight
    """Weight of the regulariser in the loss, 0 to 1."""

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape.

        Raises:
            ColliculusError: a setting names a modality that the data do not have, a modality is called "fused", or the
                identity cannot align one.
        """
        self.check_names(spec)
        concat = self.fusion == "concat"
        encoders = self.token_encoders(spec)
        join = Concat(spec.modalities) if concat else WeightedSum(spec.modalities)
        fusion = TimeAligned(self.alignments(spec), join, self._pooling(spec, encoders))
        head = TemporalAttentionReadout(
            linear(self.dim * (len(spec.modalities) if concat else 1), spec.num_classes),
            {m: linear(self.dim, spec.num_classes) for m in spec.modalities} if self.heads == "own" else {},
            shared=dict.fromkeys(spec.modalities, self.dim) if self.heads == "shared" else {},
            score_input=self.score_input,
            score_reduction=self.score_reduction,
            apply_to=self.apply_to,
            detach=self.score_gradient == "detach",
        )
        return self.network(spec, encoders, fusion, head)

    def _pooling(self, spec: DataSpec, encoders: Mapping[str, Encoder]) -> nn.ModuleDict | None:
        """The pooling of each modality over its own steps."""
        if self.readout == "mean":
            return None
        return per_modality(
            {m: weighted(self.own_steps(spec, m), self.dim, {m: encoder.grid})[m] for m, encoder in encoders.items()}
        )

    def objective(self) -> Objective:
        """The temporally weighted losses of the joint stream and of each modality's own head."""
        loss = TemporalBalanced(
            label_smoothing=self.label_smoothing,
            regulariser=self.regulariser,
            regulariser_weight=self.regulariser_weight,
            detach_weights=self.score_gradient != "full",
        )
        own = UnimodalTemporalBalanced(loss, self.unimodal_weights)
        return self.with_rate(Objective({"task": FusedTemporalBalanced(loss)}, per_modality={UNIMODAL: own}))
