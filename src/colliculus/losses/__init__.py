"""Terms of the objective."""

from __future__ import annotations

from colliculus.losses.cross_entropy import CrossEntropy
from colliculus.losses.objective import Objective, Term, TermPerModality
from colliculus.losses.semantic_alignment import SemanticAlignment, semantic_alignment
from colliculus.losses.temporal_balanced import (
    FusedTemporalBalanced,
    Regulariser,
    TemporalBalanced,
    UnimodalTemporalBalanced,
    temporal_balanced,
)
from colliculus.losses.unimodal import UnimodalCrossEntropy

__all__ = [
    "CrossEntropy",
    "FusedTemporalBalanced",
    "Objective",
    "Regulariser",
    "SemanticAlignment",
    "TemporalBalanced",
    "Term",
    "TermPerModality",
    "UnimodalCrossEntropy",
    "UnimodalTemporalBalanced",
    "semantic_alignment",
    "temporal_balanced",
]
