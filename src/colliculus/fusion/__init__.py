"""Fusions: from the modalities' tokens (T, B, D, N) to a joint feature."""

from __future__ import annotations

from colliculus.fusion.cmci import CurrentIntegration, ReferenceIntegration, SynapticCurrent
from colliculus.fusion.concat import Concat
from colliculus.fusion.cross_modal import (
    REFERENCE,
    CrossModalArithmetic,
    CrossModalAttention,
    CrossModalResidual,
    SemanticBranch,
)
from colliculus.fusion.sca import SpikingCrossAttention
from colliculus.fusion.separate import SeparateStreams
from colliculus.fusion.sum import Sum
from colliculus.fusion.weighted_attention import WeightedTokens

__all__ = [
    "REFERENCE",
    "Concat",
    "CrossModalArithmetic",
    "CrossModalAttention",
    "CrossModalResidual",
    "CurrentIntegration",
    "ReferenceIntegration",
    "SemanticBranch",
    "SeparateStreams",
    "SpikingCrossAttention",
    "Sum",
    "SynapticCurrent",
    "WeightedTokens",
]
