"""Temporal efficient training: a loss of every step (TET, Deng et al., ICLR 2022, arXiv 2202.11946)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from colliculus.losses.class_weights import ClassWeights
from colliculus.losses.temporal_balanced import TemporalBalanced
from colliculus.types import Output


@dataclass(frozen=True)
class EfficientTraining:
    """(1 - l) mean_t CE(Z(t), y) + l mean (Z(t) - 1)^2, with Z(t) the logits of step t.

    Args:
        label_smoothing: fraction of the target spread evenly over all K classes.
        pull: l, weight of the second term, which keeps the logits of all steps near 1.
        class_weights: a weight for each class, by which its samples count in the first term; empty: all count the same.
        weight: weight of both.

    Example:
        >>> logits = torch.zeros(3, 2, 4)
        >>> EfficientTraining(0.0, pull=0.5)(Output(logits[0], logits, {}), torch.tensor([0, 1]))  # (log 4 + 1) / 2
        tensor(1.1931)
    """

    label_smoothing: float
    pull: float
    class_weights: ClassWeights = ()
    weight: float = 1.0

    def __call__(self, output: Output, labels: Tensor) -> Tensor:
        """Scalar loss of the step logits (T, B, K) against labels (B,), or soft ones (B, K)."""
        loss = TemporalBalanced(
            label_smoothing=self.label_smoothing,
            regulariser="tet",
            regulariser_weight=self.pull,
            class_weights=self.class_weights,
        )
        steps = output.step_logits.float()
        even = torch.full(steps.shape[:2], 1 / len(steps), device=steps.device)
        return self.weight * loss(steps, even, labels)

    def weighted(self, class_weights: ClassWeights) -> Self:
        """The same term; samples count by their class."""
        return replace(self, class_weights=class_weights)
