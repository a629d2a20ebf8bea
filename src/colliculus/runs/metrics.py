"""Accuracy with its interval, macro-F1 and metrics per class, all from one confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from colliculus.records import Column, Table
from colliculus.records.console import listed, span
from colliculus.runs.predictions import Predictions
from colliculus.types import ColliculusError

_NAMED = 10
_Z_95 = 1.959963984540054  # the standard normal lies within +-z with a probability of 95 %


def confusion_matrix(labels: NDArray[np.int64], predictions: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """Count predictions (n,) by true class (n,): (K, K), row = true class, column = predicted class.

    Example:
        >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
        [[1, 1], [0, 1]]
    """
    pairs = np.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    return pairs.reshape(num_classes, num_classes).astype(np.int64)


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a proportion, within 0 and 1 (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212).

    Example:
        >>> low, high = wilson_interval(545, 744)
        >>> f"{low:.3f} {high:.3f}"
        '0.700 0.763'
    """
    share, z2 = correct / total, _Z_95**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z_95 * sqrt(share * (1 - share) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    # the bounds at 0 and `total` successes are exactly 0 and 1; rounding must not leave the range or the share outside
    return (min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share))


@dataclass(frozen=True)
class ClassMetrics:
    """Metrics of one class.

    Args:
        name: name of the class.
        recall: share of its samples predicted correctly; 0 where the class does not occur.
        precision: share of its predictions that are correct; 0 where it was never predicted.
        f1: harmonic mean of the two, 2 * correct / (occurring + predicted); 0 where the class does not occur.
        total: samples of the class; where it is 0, recall and F1 are undefined and shown as "-".
    """

    name: str
    recall: float
    precision: float
    f1: float
    total: int


@dataclass(frozen=True)
class Metrics:
    """Metrics of predictions.

    Args:
        accuracy: correct / total.
        interval: its 95 % Wilson interval.
        correct: samples predicted correctly.
        total: samples.
        macro_f1: mean F1 of the classes that occur. A class that occurs and is never predicted correctly counts as 0. A
            class without samples is left out; a prediction of it lowers the F1 of the true class.
        per_class: metrics of each class, in order.
        confusion: (K, K) counts, row = true class, column = predicted class.
        modality_accuracy: accuracy of each modality alone, by its own head or, without one, by its share of the logits;
            empty where the model has neither.
    """

    accuracy: float
    interval: tuple[float, float]
    correct: int
    total: int
    macro_f1: float
    per_class: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]
    modality_accuracy: dict[str, float] = field(default_factory=dict[str, float])

    def notes(self, part: str) -> tuple[str, ...]:
        """A sentence that names the classes without a sample in this part of the data, where there are any."""
        untested = [one.name for one in self.per_class if not one.total]
        if not untested:
            return ()
        names = listed(untested, _NAMED)
        return (f"The {part} part has no sample of {len(untested)} class(es), so no figure covers them: {names}",)

    def class_table(self, part: str) -> Table:
        """Recall, precision and F1 of every class of this part of the data, in percent."""
        rows: list[tuple[str, ...]] = []
        for k, one in enumerate(self.per_class):
            figures = ["-"] * 4
            if one.total:
                recall, precision, f1 = (f"{100 * share:.1f}" for share in (one.recall, one.precision, one.f1))
                figures = [recall, span(wilson_interval(self.confusion[k][k], one.total)), precision, f1]
            rows.append((one.name, f"{one.total:,}", *figures))
        headings = ("class", "clips", "recall, %", "95 % interval", "precision, %", "F1, %")
        note = "Recall: share of the class that was recognised. Intervals are Wilson's, for each class by itself."
        return Table.of(f"Classes of the {part} part", headings, rows, (note, *self.notes(part)))

    def mistakes(self, most: int) -> Table | None:
        """The most frequent confusions of two classes; None where every prediction is correct.

        Args:
            most: rows of the table.
        """
        names = [one.name for one in self.per_class]
        pairs = [(n, i, j) for i, row in enumerate(self.confusion) for j, n in enumerate(row) if i != j and n]
        rows = [
            (names[i], names[j], f"{n:,}", f"{100 * n / self.per_class[i].total:.1f}")
            for n, i, j in sorted(pairs, key=lambda pair: -pair[0])[:most]
        ]
        columns = (
            *(Column(heading, style="cyan") for heading in ("true class", "predicted class")),
            Column("clips", "right"),
        )
        title = f"Most frequent mistakes ({len(rows)} of {len(pairs):,} kinds)"
        return Table((*columns, Column("of the class, %", "right")), rows, title) if rows else None

    @classmethod
    def of(cls, predictions: Predictions) -> Metrics:
        """Metrics of predictions.

        Raises:
            ColliculusError: they are empty.
        """
        labels, names = predictions.labels, predictions.names
        found = cls.from_confusion(confusion_matrix(labels, predictions.predicted, len(names)), names)
        alone = {m: float((own == labels).mean()) for m, own in predictions.modality_predicted.items()}
        return replace(found, modality_accuracy=alone)

    @classmethod
    def from_confusion(cls, matrix: NDArray[np.int64], names: Sequence[str]) -> Metrics:
        """All metrics that a confusion matrix gives, (K, K) counts as in `confusion_matrix`.

        Raises:
            ColliculusError: the matrix is empty.

        Example:
            >>> metrics = Metrics.from_confusion(np.array([[3, 1], [0, 4]]), ["cat", "dog"])
            >>> metrics.accuracy, metrics.correct, metrics.per_class[0].recall
            (0.875, 7, 0.75)
        """
        total, correct = int(matrix.sum()), int(np.trace(matrix))
        if total == 0:
            raise ColliculusError("there is nothing to evaluate: the split has no sample")
        per_class = tuple(_class_metrics(matrix, k, name) for k, name in enumerate(names))
        return cls(
            accuracy=correct / total,
            interval=wilson_interval(correct, total),
            correct=correct,
            total=total,
            macro_f1=float(np.mean([c.f1 for c in per_class if c.total])),
            per_class=per_class,
            confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        )


def _class_metrics(matrix: NDArray[np.int64], k: int, name: str) -> ClassMetrics:
    correct, occurring, predicted = int(matrix[k, k]), int(matrix[k].sum()), int(matrix[:, k].sum())
    return ClassMetrics(
        name=name,
        recall=correct / max(occurring, 1),
        precision=correct / max(predicted, 1),
        f1=2 * correct / max(occurring + predicted, 1),
        total=occurring,
    )
