"""What the methods share whose decision and losses are weighed over time by attention: own heads and their balance."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, field

from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.modulation import Balance, Modulator
from colliculus.types import ColliculusError, DataSpec, unknown_name


@dataclass(frozen=True, kw_only=True)
class TemporalTransformer(SpikingTransformer, ABC):
    """Settings of a method with temporal attention scores of the joint stream and of each modality's own.

    Raises:
        ColliculusError: a setting is out of range.
    """

    unimodal_weights: dict[str, float] = field(default_factory=dict[str, float])
    """Weight of the loss of a modality's own head; one that is not named has 1."""
    modality_dropout: float = 0.0
    """Probability that a modality's tokens are silenced in a training sample (one modality always stays)."""
    balance: Balance = field(default_factory=lambda: Balance(kind="scores"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.modality_dropout < 1:
            raise ColliculusError(f"`modality_dropout` is {self.modality_dropout}: choose at least 0 and below 1")
        if self.balance.kind == "agm":
            raise ColliculusError(
                f"balance agm scales shares of the logits, and the losses of {self.name} look at each step before it "
                "is weighed: choose another balance"
            )
        silent = [m for m, weight in self.unimodal_weights.items() if not weight]
        if silent and (self.balance.kind == "scores" or self.balance.needs_own_heads):
            raise ColliculusError(
                f"balance {self.balance.kind} compares the modalities' own heads, and that of {silent[0]} does not "
                "learn: give it a weight above 0 in `unimodal_weights`"
            )
        self.objective()  # says what is wrong with its settings

    def check_weights(self, spec: DataSpec) -> None:
        """Refuse weights of modalities that the data do not have.

        Raises:
            ColliculusError: one is unknown.
        """
        if unknown := [m for m in self.unimodal_weights if m not in spec.modalities]:
            raise unknown_name("modality", unknown[0], spec.modalities)

    def modulator(self) -> Modulator:
        """What keeps the modalities in balance."""
        return self.balance.modulator()
