"""Base of methods that align the steps of the modalities."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

from torch import nn

from colliculus.fusion import AlignmentName, alignment
from colliculus.methods.multimodal_transformer import BalancedTransformer
from colliculus.types import ColliculusError, DataSpec, unknown_name


@dataclass(frozen=True, kw_only=True)
class AlignedTransformer(BalancedTransformer, ABC):
    """Settings of a method whose modalities may have steps of their own, aligned to common ones."""

    modality_steps: dict[str, int] = field(default_factory=dict[str, int])
    """T_m, steps of a modality before the alignment; a modality that is not named has `time_steps`."""
    alignment: AlignmentName = "identity"
    """Alignment of T_m steps to T: learned "conv" or "warp", the same for all clips; "clip-warp", whose warping depends
    on the clip; fixed "interpolate", or "identity" (T_m = T)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if short := [m for m, steps in self.modality_steps.items() if steps < 1]:
            raise ColliculusError(
                f"`modality_steps` of {short[0]} is {self.modality_steps[short[0]]}: choose at least 1"
            )

    def check_names(self, spec: DataSpec) -> None:
        """Refuse settings of modalities that the data do not have."""
        if unknown := [m for m in self.modality_steps if m not in spec.modalities]:
            raise unknown_name("modality", unknown[0], spec.modalities)

    def one_step(self) -> Self:
        """The same method with one time step of every modality."""
        return replace(self, time_steps=1, modality_steps={})

    def coders(self, spec: DataSpec, modalities: Iterable[str]) -> dict[str, nn.Module]:
        """The coding of each of these modalities, with its own number of steps."""
        return {m: self.coder(spec, m, self.own_steps(spec, m)) for m in modalities}

    def alignments(self, spec: DataSpec) -> dict[str, nn.Module]:
        """The alignment of each modality to the common steps."""
        return {
            m: alignment(self.alignment, self.own_steps(spec, m), self.steps(spec), self.dim, self.neuron)
            for m in spec.modalities
        }

    def own_steps(self, spec: DataSpec, modality: str) -> int:
        """T_m, steps of a modality before the alignment."""
        return self.modality_steps.get(modality, self.steps(spec))
