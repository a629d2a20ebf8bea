"""Temporal attention scores over a set of samples: the weight of each time step, by class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from colliculus.evaluation.inference import inference_mode
from colliculus.figures import Heat
from colliculus.model import MultimodalSNN
from colliculus.records import Table
from colliculus.types import Batch

STEPS_WITH_NUMBERS, CLASSES_WITH_NUMBERS = 8, 30
"""Time steps and classes up to which the figure writes each score as a number."""


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
    """Mean of alpha (T, B) over the samples of each of K classes, (K, T); NaN where a class has no sample.

    Example:
        >>> alpha = torch.tensor([[0.2, 0.4, 0.9], [0.8, 0.6, 0.1]])  # T = 2, B = 3
        >>> class_means(alpha, torch.tensor([0, 0, 1]), 2)
        tensor([[0.3000, 0.7000],
                [0.9000, 0.1000]])
    """
    sums = weights.new_zeros(num_classes, len(weights)).index_add(0, labels, weights.T)
    return sums / labels.bincount(minlength=num_classes)[:, None]


def measure_time_weights(model: MultimodalSNN, batches: Iterable[Batch]) -> dict[str, TimeWeights]:
    """Mean scores of each stream (each modality and "fused") over batches; empty where all steps weigh alike."""
    labels: list[Tensor] = []
    weights: dict[str, list[Tensor]] = {}
    with inference_mode(model):
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


def time_weights_table(found: Mapping[str, TimeWeights]) -> Table:
    """The mean score of each step by stream, and its largest difference between two classes."""
    rows: list[Sequence[str]] = []
    for stream, weights in found.items():
        steps = zip(*(row for row in weights.by_class if row is not None), strict=True)
        spread = 100 * max(max(step) - min(step) for step in steps)
        rows.append((stream, " ".join(f"{100 * x:.1f}" for x in weights.mean), f"{spread:.1f}"))
    title = f"Temporal attention scores (equal steps: {100 / len(next(iter(found.values())).mean):.1f} % each)"
    return Table.of(title, ("stream", "% of each step", "difference of classes, points"), rows)


def time_weights_panels(found: Mapping[str, TimeWeights], classes: Sequence[str]) -> list[Heat]:
    """A heat map for each stream: classes down, steps across; a cell without colour has the score of equal steps."""
    equal = 100 / len(next(iter(found.values())).mean)
    scores = {u: [[100 * x for x in row or ()] for row in weights.by_class] for u, weights in found.items()}
    far = max(abs(x - equal) for rows in scores.values() for row in rows for x in row) or 1.0
    panels: list[Heat] = []
    for stream, rows in scores.items():
        steps = len(found[stream].mean)
        numbers = steps <= STEPS_WITH_NUMBERS and len(rows) <= CLASSES_WITH_NUMBERS
        panels.append(
            Heat(
                values=[row or [None] * steps for row in rows],
                rows=() if panels else classes,
                columns=[str(t + 1) for t in range(steps)],
                title=stream if panels else f"temporal attention score, % ({equal:.3g}: equal steps): {stream}",
                xlabel="time step",
                centre=equal,
                far=far,
                texts=[[f"{x:.1f}" for x in row] for row in rows] if numbers else (),
            )
        )
    return panels
