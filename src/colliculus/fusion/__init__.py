"""Fusions: from the modalities' tokens (T, B, D, N) to a joint feature."""

from __future__ import annotations

from colliculus.fusion.cmci import CurrentIntegration, ReferenceIntegration, SynapticCurrent
from colliculus.fusion.concat import Concat
from colliculus.fusion.cross_modal import (
    REFERENCE,
    Arithmetic,
    CrossModalAttention,
    CrossModalResidual,
    CrossModalSettings,
    SemanticBranch,
    path_settings,
)
from colliculus.fusion.sca import SpikingCrossAttention
from colliculus.fusion.separate import SeparateStreams
from colliculus.fusion.sum import Sum
from colliculus.fusion.temporal_attention import (
    ApplyTo,
    ScoreInput,
    ScoreReduction,
    TemporalAttention,
    TemporalAttentionReadout,
)
from colliculus.fusion.time_alignment import AlignedTokens, AlignmentName, TimeAligned, alignment
from colliculus.fusion.weighted_attention import WeightedTokens
from colliculus.fusion.weighted_sum import WeightedSum

__all__ = [
    "REFERENCE",
    "AlignedTokens",
    "AlignmentName",
    "ApplyTo",
    "Arithmetic",
    "Concat",
    "CrossModalAttention",
    "CrossModalResidual",
    "CrossModalSettings",
    "CurrentIntegration",
    "ReferenceIntegration",
    "ScoreInput",
    "ScoreReduction",
    "SemanticBranch",
    "SeparateStreams",
    "SpikingCrossAttention",
    "Sum",
    "SynapticCurrent",
    "TemporalAttention",
    "TemporalAttentionReadout",
    "TimeAligned",
    "WeightedSum",
    "WeightedTokens",
    "alignment",
    "path_settings",
]
