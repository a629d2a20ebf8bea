"""Terms of the objective."""

from __future__ import annotations

from colliculus.losses.cross_entropy import CrossEntropy
from colliculus.losses.objective import Objective, Term
from colliculus.losses.semantic_alignment import SemanticAlignment, semantic_alignment
from colliculus.losses.unimodal import UnimodalCrossEntropy

__all__ = ["CrossEntropy", "Objective", "SemanticAlignment", "Term", "UnimodalCrossEntropy", "semantic_alignment"]
