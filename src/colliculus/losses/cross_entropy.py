"""Cross-entropy of the logits with label smoothing."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from colliculus.types import Output


@dataclass(frozen=True)
class CrossEntropy:
    """Label-smoothed cross-entropy of `output.logits`, a scalar in float32.

    Args:
        label_smoothing: fraction of the target spread evenly over all K classes.

    Example:
        >>> import torch
        >>> logits = torch.zeros(2, 4)
        >>> CrossEntropy(0.1)(Output(logits, logits[None], {}), torch.tensor([0, 1]))  # log 4
        tensor(1.3863)
    """

    label_smoothing: float

    def __call__(self, output: Output, labels: Tensor) -> Tensor:
        """Scalar loss of logits (B, K) against labels (B,), or soft ones (B, K)."""
        return functional.cross_entropy(output.logits.float(), labels, label_smoothing=self.label_smoothing)
