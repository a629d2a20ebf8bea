"""Cross-entropy with label smoothing: of the logits, and of each modality's own head."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from colliculus.layers import own_logits
from colliculus.losses.class_weights import ClassWeights, cross_entropy
from colliculus.types import Output


@dataclass(frozen=True)
class CrossEntropy:
    """Label-smoothed cross-entropy of `output.logits`, a scalar in float32.

    Args:
        label_smoothing: fraction of the target spread evenly over all K classes.
        weight: weight of the term.
        class_weights: a weight for each class, by which its samples count; empty: all count the same.

    Example:
        >>> logits = torch.zeros(2, 4)
        >>> CrossEntropy(0.1)(Output(logits, logits[None], {}), torch.tensor([0, 1]))  # log 4
        tensor(1.3863)
    """

    label_smoothing: float
    weight: float = 1.0
    class_weights: ClassWeights = ()

    def __call__(self, output: Output, labels: Tensor) -> Tensor:
        """Scalar loss of logits (B, K) against labels (B,), or soft ones (B, K)."""
        loss = cross_entropy(output.logits.float(), labels, self.label_smoothing, self.class_weights)
        return self.weight * loss

    def weighted(self, class_weights: ClassWeights) -> Self:
        """The same term; samples count by their class."""
        return replace(self, class_weights=class_weights)


@dataclass(frozen=True)
class AdditiveCrossEntropy:
    """Label-smoothed cross-entropy of the sum of the modalities' own logits, averaged over time.

    Where the steps have weights, the average is weighted.

    It trains a network to decide without what its joint layer adds.

    Args:
        label_smoothing: fraction of the target spread evenly over all K classes.
        weight: weight of the term.
        class_weights: a weight for each class, by which its samples count; empty: all count the same.

    Example:
        >>> one = torch.log(torch.tensor([[[1.0, 2.0]]]))
        >>> output = Output(one[0], one, {}, modality_logits={"audio": one, "visual": one})
        >>> AdditiveCrossEntropy(0.0)(output, torch.tensor([1]))  # -log(4 / 5)
        tensor(0.2231)
    """

    label_smoothing: float
    weight: float = 1.0
    class_weights: ClassWeights = ()

    def __call__(self, output: Output, labels: Tensor) -> Tensor:
        """Scalar loss of modality logits (T, B, K) against labels (B,), or soft ones (B, K)."""
        total = torch.stack([*own_logits(output).values()]).sum(0).float()
        return self.weight * cross_entropy(total, labels, self.label_smoothing, self.class_weights)

    def weighted(self, class_weights: ClassWeights) -> Self:
        """The same term; samples count by their class."""
        return replace(self, class_weights=class_weights)


@dataclass(frozen=True)
class UnimodalCrossEntropy:
    """Sum over the modalities of the label-smoothed cross-entropy of their own logits, averaged over time.

    Where the steps have weights, the average is weighted.

    Args:
        label_smoothing: fraction of the target spread evenly over all K classes.
        weight: weight of the sum.
        class_weights: a weight for each class, by which its samples count; empty: all count the same.

    Example:
        >>> logits = torch.zeros(2, 4)
        >>> output = Output(logits, logits[None], {}, modality_logits={"audio": logits[None], "visual": logits[None]})
        >>> UnimodalCrossEntropy(0.1)(output, torch.tensor([0, 1]))  # 2 log 4
        tensor(2.7726)
    """

    label_smoothing: float
    weight: float = 1.0
    class_weights: ClassWeights = ()

    def __call__(self, output: Output, labels: Tensor) -> Tensor:
        """Scalar loss of modality logits (T, B, K) against labels (B,)."""
        terms = [
            cross_entropy(logits.float(), labels, self.label_smoothing, self.class_weights)
            for logits in own_logits(output).values()
        ]
        return self.weight * torch.stack(terms).sum()

    def weighted(self, class_weights: ClassWeights) -> Self:
        """The same term; samples count by their class."""
        return replace(self, class_weights=class_weights)
