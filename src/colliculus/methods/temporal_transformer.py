"""Base of methods that align modalities to common steps and weigh the steps by attention."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, field

from colliculus.fusion import AlignmentName
from colliculus.methods.aligned_transformer import AlignedTransformer
from colliculus.modulation import Balance
from colliculus.neurons import NeuronSettings
from colliculus.types import ColliculusError, DataSpec, unknown_name


@dataclass(frozen=True, kw_only=True)
class TemporalTransformer(AlignedTransformer, ABC):
    """Settings of a method with temporal attention scores of the joint stream and of each modality's stream."""

    neuron: NeuronSettings = NeuronSettings()
    alignment: AlignmentName = "conv"
    unimodal_weights: dict[str, float] = field(default_factory=dict[str, float])
    """Weight of the loss of a modality's own head; a modality that is not named has 1."""
    balance: Balance = Balance(kind="scores")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.balance.needs_shares:
            raise ColliculusError(
                f"balance {self.balance.kind} changes shares of the logits, but the losses of {self.name} see each "
                "step before it is weighed: choose another balance"
            )
        silent = [m for m, weight in self.unimodal_weights.items() if not weight]
        if silent and (self.balance.kind == "scores" or self.balance.needs_own_heads):
            raise ColliculusError(
                f"balance {self.balance.kind} compares the modalities' own heads, but that of {silent[0]} does not "
                "learn: give it a weight above 0 in `unimodal_weights`"
            )
        self.objective()  # checks the settings of the losses

    def check_names(self, spec: DataSpec) -> None:
        """Refuse settings of modalities that the data do not have."""
        super().check_names(spec)
        if unknown := [m for m in self.unimodal_weights if m not in spec.modalities]:
            raise unknown_name("modality", unknown[0], spec.modalities)
