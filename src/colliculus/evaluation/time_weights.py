"""How much each time step counts, and for which classes: the temporal attention scores over a set of samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from colliculus.evaluation.evaluate import eval_mode, same_draws
from colliculus.model import MultimodalSNN
from colliculus.types import Batch


@dataclass(frozen=True)
class TimeWeights:
    """Scores alpha_u(t) of one stream u; each row of T numbers sums to 1.

    Args:
        mean: over all samples.
        by_class: over the samples of each class, K rows; None where a class has no sample.
    """

    mean: tuple[float, ...]
    by_class: tuple[tuple[float, ...] | None, ...]


def class_means(weights: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """The mean of alpha(t) over the samples of each class, (K, T); NaN where a class has no sample.

    Args:
        weights: alpha, (T, B).
        labels: true classes, (B,).
        num_classes: K.

    Example:
        >>> alpha = torch.tensor([[0.2, 0.4, 0.9], [0.8, 0.6, 0.1]])  # T = 2, B = 3
        >>> class_means(alpha, torch.tensor([0, 0, 1]), 2)
        tensor([[0.3000, 0.7000],
                [0.9000, 0.1000]])
    """
    sums = weights.new_zeros(num_classes, len(weights)).index_add(0, labels, weights.T)
    return sums / labels.bincount(minlength=num_classes)[:, None]


def measure_time_weights(model: MultimodalSNN, batches: Iterable[Batch]) -> dict[str, TimeWeights]:
    """Run the batches through `model` and average the scores of each modality and of "fused".

    Args:
        model: answers in eval mode and is handed back in the mode it came in.
        batches: at least one, on the model's device.

    Returns:
        By stream; nothing where the model counts every step alike.
    """
    labels: list[Tensor] = []
    weights: dict[str, list[Tensor]] = {}
    device = next(model.parameters()).device
    with eval_mode(model), torch.no_grad(), same_draws(device):
        for batch in batches:
            labels.append(batch.labels)
            for stream, alpha in model(batch.inputs).time_weights.items():
                weights.setdefault(stream, []).append(alpha.double())
    together = torch.cat(labels)
    return {u: _summary(torch.cat(parts, dim=1), together, model.spec.num_classes) for u, parts in weights.items()}


def _summary(weights: Tensor, labels: Tensor, num_classes: int) -> TimeWeights:
    rows = class_means(weights, labels, num_classes)
    return TimeWeights(
        mean=tuple(weights.mean(dim=1).tolist()),
        by_class=tuple(None if row.isnan().any() else tuple(row.tolist()) for row in rows),
    )
