"""Bases of methods for several streams of spiking tokens: modality dropout, balance, joins and own heads."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Literal

from torch import nn

from colliculus.fusion import Concat, Sum
from colliculus.heads import LinearReadout, ReadoutPerModality
from colliculus.losses import Objective, UnimodalCrossEntropy
from colliculus.methods.spiking_transformer import Encoder, SpikingTransformer
from colliculus.model import MultimodalSNN
from colliculus.modulation import Balance, Modulator
from colliculus.types import UNIMODAL, ColliculusError, DataSpec

Join = Literal["sum", "concat"]


@dataclass(frozen=True, kw_only=True)
class BalancedTransformer(SpikingTransformer, ABC):
    """Settings of a method for several modalities."""

    modality_dropout: float = 0.0
    """Probability that a modality's tokens are silenced in a training sample (one modality always stays)."""
    balance: Balance = Balance()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.modality_dropout < 1:
            raise ColliculusError(f"`modality_dropout` is {self.modality_dropout}: choose at least 0 and below 1")

    def modulator(self) -> Modulator:
        """The modulator of the chosen balance."""
        return self.balance.modulator()

    def network(
        self, spec: DataSpec, encoders: Mapping[str, nn.Module], fusion: nn.Module, head: nn.Module
    ) -> MultimodalSNN:
        """The parts put together, with the coding and the modality dropout of the settings."""
        model = MultimodalSNN(
            spec,
            coding=self.coders(spec, spec.modalities),
            encoders=encoders,
            fusion=fusion,
            head=head,
            modality_dropout=self.token_dropout,
        )
        return self.counted(model)

    @property
    def token_dropout(self) -> float:
        """The modality dropout of the tokens; 0 where the fusion drops modalities itself."""
        return self.modality_dropout


@dataclass(frozen=True, kw_only=True)
class MultimodalTransformer(BalancedTransformer, ABC):
    """Settings of a method that joins the streams of several modalities."""

    has_shares: ClassVar[bool] = True
    """True if the joint logits are the sum of the modalities' shares."""

    unimodal_loss: float = 0.0
    """Weight of each modality's cross-entropy through its own head; with 0 there are no such heads."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.unimodal_loss < inf:
            raise ColliculusError(f"`unimodal_loss` is {self.unimodal_loss}: choose a weight of at least 0")
        self._check_balance()

    def _check_balance(self) -> None:
        """Refuse a balance that needs what this method does not have."""
        kind = self.balance.kind
        if kind == "scores":
            raise ColliculusError(
                "balance scores needs temporal attention: choose taaf or tectum-first, or another balance"
            )
        if self.balance.needs_shares and not self.has_shares:
            raise ColliculusError(
                f"balance {kind} needs shares of the logits, and {self.name} has none: choose another balance"
            )
        if self.balance.needs_predictions and not (self.has_shares or self.unimodal_loss):
            raise ColliculusError(f"balance {kind} needs each modality's predictions: set `unimodal_loss` above 0")
        if self.balance.needs_own_heads and not self.unimodal_loss:
            named = "`with_iemf`" if self.balance.with_iemf else f"balance {kind}"
            raise ColliculusError(f"{named} compares the modalities' own heads: set `unimodal_loss` above 0")

    def objective(self) -> Objective:
        """Label-smoothed cross-entropy, with `unimodal_loss` also that of the modalities' own heads."""
        objective = super().objective()
        if not self.unimodal_loss:
            return objective
        own_heads = UnimodalCrossEntropy(self.label_smoothing, self.unimodal_loss)
        return Objective({**objective.terms, UNIMODAL: own_heads})

    def join(self, join: Join, spec: DataSpec, encoders: Mapping[str, Encoder]) -> Sum | Concat:
        """The join of the streams that these encoders begin."""
        pooling = self.pooling(spec, {m: encoder.grid for m, encoder in encoders.items()})
        return Sum(pooling) if join == "sum" else Concat(spec.modalities, pooling)

    def head(self, join: Join, spec: DataSpec) -> LinearReadout | ReadoutPerModality:
        """The readout for the join, with own heads if `unimodal_loss` is above 0."""
        return self.head_for(self.dim * (1 if join == "sum" else len(spec.modalities)), spec)

    def head_for(self, features: int, spec: DataSpec) -> LinearReadout | ReadoutPerModality:
        """The readout of so many features, with own heads if `unimodal_loss` is above 0."""
        joint = LinearReadout(features, spec.num_classes)
        if not self.unimodal_loss:
            return joint
        return ReadoutPerModality(joint, spec.modalities, dim=self.dim, num_classes=spec.num_classes)
