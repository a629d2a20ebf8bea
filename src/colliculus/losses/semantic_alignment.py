"""Semantic alignment of the cross-modal residuals (S-CMRL, arXiv 2502.12488)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import torch
from torch import Tensor

from colliculus.labels import same_class
from colliculus.types import Output

Normalise = Literal["pairs", "positives"]


def semantic_alignment(
    a: Tensor, b: Tensor, labels: Tensor, temperature: float, normalise: Normalise = "pairs"
) -> Tensor:
    """Contrastive loss of two modalities' semantic residuals over a batch, in one direction.

    G = a b^T / temperature;  M[i, j] = 1 if y_i = y_j (its probability for soft labels, see `same_class`);
    L = - mean_i mean_j log_softmax_j(G)[i, j] * M[i, j]  (the mean over j runs over all B columns).

    With "positives", mean_j runs over the positive columns alone: sum_j log_softmax_j(G)[i, j] M[i, j] / sum_j M[i, j].
    The published mean over all pairs grows with the share of pairs of one class, about 1 / K.

    Args:
        a: (B, D), the anchors.
        b: (B, D), compared with each anchor.
        labels: (B,), or soft ones (B, K).
        temperature: divides the scores.
        normalise: mean over all "pairs" or over the "positives".

    Example:
        >>> x = torch.eye(2)
        >>> semantic_alignment(x, x, torch.tensor([0, 1]), temperature=1.0)  # -log softmax([1, 0])[0] / 2
        tensor(0.1566)
        >>> semantic_alignment(x, x, torch.tensor([0, 1]), temperature=1.0, normalise="positives")
        tensor(0.3133)
    """
    log_probabilities = torch.log_softmax(a @ b.T / temperature, dim=1)
    same = same_class(labels)
    if normalise == "positives":
        return -((log_probabilities * same).sum(1) / same.sum(1).clamp(min=torch.finfo(a.dtype).tiny)).mean()
    return -(log_probabilities * same).mean()


@dataclass(frozen=True)
class SemanticAlignment:
    """`semantic_alignment` of the residuals averaged over time, in float32.

    For M > 2 it is the mean over the pairs in declared order: the modality declared first gives the anchors, as audio
    does in the reference. With fewer than two modalities it is 0.

    Args:
        temperature: divides the scores; 0.07 on CREMA-D.
        normalise: as in `semantic_alignment`.
    """

    temperature: float
    normalise: Normalise = "pairs"

    def __call__(self, output: Output, labels: Tensor) -> Tensor:
        """Scalar loss of residuals (T, B, D) against labels (B,)."""
        semantics = [residual.float().mean(0) for residual in output.residual.values()]
        terms = [
            semantic_alignment(a, b, labels, self.temperature, self.normalise) for a, b in combinations(semantics, 2)
        ]
        return torch.stack(terms).mean() if terms else output.logits.new_zeros((), dtype=torch.float32)
