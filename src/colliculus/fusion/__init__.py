"""Fusions: from the modalities' tokens (T, B, D, N) to a joint feature."""

from __future__ import annotations

from colliculus.fusion.concat import Concat
from colliculus.fusion.cross_modal import (
    REFERENCE,
    CrossModalArithmetic,
    CrossModalAttention,
    CrossModalResidual,
    SemanticBranch,
)
from colliculus.fusion.sum import Sum
from colliculus.fusion.temporal_attention import (
    ApplyTo,
    ScoreInput,
    ScoreReduction,
    TemporalAttention,
    TemporalAttentionReadout,
)
from colliculus.fusion.time_alignment import AlignmentName, TimeAligned, alignment
from colliculus.fusion.weighted_sum import WeightedSum

__all__ = [
    "REFERENCE",
    "AlignmentName",
    "ApplyTo",
    "Concat",
    "CrossModalArithmetic",
    "CrossModalAttention",
    "CrossModalResidual",
    "ScoreInput",
    "ScoreReduction",
    "SemanticBranch",
    "Sum",
    "TemporalAttention",
    "TemporalAttentionReadout",
    "TimeAligned",
    "WeightedSum",
    "alignment",
]
