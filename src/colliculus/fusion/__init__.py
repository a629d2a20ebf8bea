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

__all__ = [
    "REFERENCE",
    "Concat",
    "CrossModalArithmetic",
    "CrossModalAttention",
    "CrossModalResidual",
    "SemanticBranch",
    "Sum",
]
