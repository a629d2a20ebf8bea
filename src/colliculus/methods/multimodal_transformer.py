"""What the methods share that join several streams of spiking tokens: heads of each modality and modality dropout."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, field
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
    """Whether the joint logits are the sum of a share of each modality."""

    unimodal_loss: float = 0.0
    """Weight of a cross-entropy of each modality through a head of its own; 0 has no such heads."""
    modality_dropout: float = 0.0
    """Probability that a modality's tokens are silenced in a training sample (one modality always stays)."""
    balance: Balance = field(default_factory=Balance)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.unimodal_loss < inf:
            raise ColliculusError(f"`unimodal_loss` is {self.unimodal_loss}: choose a weight of at least 0")
        if not 0 <= self.modality_dropout < 1:
            raise ColliculusError(f"`modality_dropout` is {self.modality_dropout}: choose at least 0 and below 1")
        self._check_balance()

    def modulator(self) -> Modulator:
        """What keeps the modalities in balance."""
        return self.balance.modulator()

    def _check_balance(self) -> None:
        """Refuse a balance that asks for what this method does not keep."""
        kind = self.balance.kind
        if kind == "scores":
            raise ColliculusError("balance scores needs temporal attention, which taaf and tectum have: choose another")
        if self.balance.needs_shares and not self.has_shares:
            raise ColliculusError(
                f"balance {kind} needs shares of the logits, which {self.name} has not: choose another"
            )
        if self.balance.needs_answers and not (self.has_shares or self.unimodal_loss):
            raise ColliculusError(f"balance {kind} asks what each modality says: set `unimodal_loss` above 0")
        if self.balance.needs_own_heads and not self.unimodal_loss:
            raise ColliculusError(
                f"balance {self.balance.kind} compares the modalities' own heads: set `unimodal_loss` above 0"
            )

    def objective(self) -> Objective:
        """Label-smoothed cross-entropy, and those of the modalities' own heads where `unimodal_loss` asks for them."""
        objective = super().objective()
        if not self.unimodal_loss:
            return objective
        own_heads = UnimodalCrossEntropy(self.label_smoothing, self.unimodal_loss)
        return Objective({**objective.terms, UNIMODAL: own_heads})

    def join(self, join: Join, spec: DataSpec) -> Sum | Concat:
        """The join of the streams."""
        return Sum() if join == "sum" else Concat(spec.modalities)

    def readout(self, join: Join, spec: DataSpec) -> LinearReadout | ReadoutPerModality:
        """The readout that fits the join."""
        joint = LinearReadout(self.dim * (1 if join == "sum" else len(spec.modalities)), spec.num_classes)
        if not self.unimodal_loss:
            return joint
        return ReadoutPerModality(joint, spec.modalities, dim=self.dim, num_classes=spec.num_classes)
