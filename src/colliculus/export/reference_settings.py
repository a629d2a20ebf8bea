"""Settings that the state dict of a reference network does not contain. Free of PyTorch, for the command line."""

from __future__ import annotations

from dataclasses import dataclass

from colliculus.types import unknown_name

CROSS_ATTENTION = ("none", "Spatial", "Temporal", "SpatialTemporal", "WeightAttention", "SCA", "CMCI")
INTERACTION = ("Add", "Concat")


@dataclass(frozen=True, kw_only=True)
class ReferenceSettings:
    """Settings that a state dict does not contain. The defaults are those of the published experiments.

    Raises:
        ColliculusError: a name is unknown.
    """

    time_steps: int = 4
    """T"""
    cross_attention: str = "SpatialTemporal"
    """none, Spatial, Temporal, SpatialTemporal, WeightAttention, SCA or CMCI"""
    interaction: str = "Add"
    """join of the streams: Add or Concat"""
    alpha: float = 1.5
    """weight of the cross-modal residual"""
    num_heads: int = 16
    """attention heads"""
    modality: str | None = None
    """modality of a network with one modality: audio, visual or any other name"""

    def __post_init__(self) -> None:
        if self.cross_attention.lower() not in map(str.lower, CROSS_ATTENTION):
            raise unknown_name("cross attention", self.cross_attention, CROSS_ATTENTION)
        if self.interaction.lower() not in map(str.lower, INTERACTION):
            raise unknown_name("interaction", self.interaction, INTERACTION)
