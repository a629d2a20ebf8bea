"""Base of methods that join several streams of spiking tokens: own heads, modality dropout, balance."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Literal

from colliculus.fusion import Concat, Sum
from colliculus.heads import LinearReadout, ReadoutPerModality
from colliculus.losses import Objective, UnimodalCrossEntropy
from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.modulation import Balance, Modulator
from colliculus.types import UNIMODAL, ColliculusError, DataSpec

Join = Literal["sum", "concat"]


@dataclass(frozen=True, kw_only=True)
class MultimodalTransformer(SpikingTransformer, ABC):
    """Settings of a method that joins the streams of several modalities.

    Raises:
        ColliculusError: a setting is out of range.
    """

    has_shares: ClassVar[bool] = True
    """True if the joint logits are the sum of the modalities' shares."""

    unimodal_loss: float = 0.0
    """Weight of each modality's cross-entropy through its own head; with 0 there are no such heads."""
    modality_dropout: float = 0.0
    """Probability that a modality's tokens are silenced in a training sample (one modality always stays)."""
    balance: Balance = Balance()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.unimodal_loss < inf:
            raise ColliculusError(f"`unimodal_loss` is {self.unimodal_loss}: choose a weight of at least 0")
        if not 0 <= self.modality_dropout < 1:
            raise ColliculusError(f"`modality_dropout` is {self.modality_dropout}: choose at least 0 and below 1")
        self._check_balance()

    def modulator(self) -> Modulator:
        """The modulator of the chosen balance."""
        return self.balance.modulator()

    def _check_balance(self) -> None:
        """Refuse a balance that needs what this method does not have."""
        kind = self.balance.kind
        if kind == "scores":
            raise ColliculusError("balance scores needs temporal attention: choose taaf or tectum, or another balance")
        if self.balance.needs_shares and not self.has_shares:
            raise ColliculusError(
                f"balance {kind} needs shares of the logits, and {self.name} has none: choose another balance"
            )
        if self.balance.needs_predictions and not (self.has_shares or self.unimodal_loss):
            raise ColliculusError(f"balance {kind} needs each modality's predictions: set `unimodal_loss` above 0")
        if self.balance.needs_own_heads and not self.unimodal_loss:
            raise ColliculusError(f"balance {kind} compares the modalities' own heads: set `unimodal_loss` above 0")

    def objective(self) -> Objective:
        """Label-smoothed cross-entropy, with `unimodal_loss` also that of the modalities' own heads."""
        objective = super().objective()
        if not self.unimodal_loss:
            return objective
        own_heads = UnimodalCrossEntropy(self.label_smoothing, self.unimodal_loss)
        return Objective({**objective.terms, UNIMODAL: own_heads})

    def join(self, join: Join, spec: DataSpec) -> Sum | Concat:
        """The join of the streams."""
        return Sum() if join == "sum" else Concat(spec.modalities)

    def readout(self, join: Join, spec: DataSpec) -> LinearReadout | ReadoutPerModality:
        """The readout for the join, with own heads if `unimodal_loss` is above 0."""
        joint = LinearReadout(self.dim * (1 if join == "sum" else len(spec.modalities)), spec.num_classes)
        if not self.unimodal_loss:
            return joint
        return ReadoutPerModality(joint, spec.modalities, dim=self.dim, num_classes=spec.num_classes)
