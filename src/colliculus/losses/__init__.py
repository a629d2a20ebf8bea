"""Terms of the objective."""

from __future__ import annotations

from colliculus.losses.cross_entropy import AdditiveCrossEntropy, CrossEntropy, UnimodalCrossEntropy
from colliculus.losses.efficient_training import EfficientTraining
from colliculus.losses.objective import Objective
from colliculus.losses.rate_error import RateError, UnimodalRateError
from colliculus.losses.semantic_alignment import Normalise, SemanticAlignment, semantic_alignment
from colliculus.losses.spike_rate import SpikeRate
from colliculus.losses.temporal_balanced import (
    FusedTemporalBalanced,
    Regulariser,
    TemporalBalanced,
    UnimodalTemporalBalanced,
    temporal_balanced,
)

__all__ = [
    "AdditiveCrossEntropy",
    "CrossEntropy",
    "EfficientTraining",
    "FusedTemporalBalanced",
    "Normalise",
    "Objective",
    "RateError",
    "Regulariser",
    "SemanticAlignment",
    "SpikeRate",
    "TemporalBalanced",
    "UnimodalCrossEntropy",
    "UnimodalRateError",
    "UnimodalTemporalBalanced",
    "semantic_alignment",
    "temporal_balanced",
]
