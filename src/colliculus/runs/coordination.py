"""Convergence coordination: how far apart in training the modalities reach what each of them can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from colliculus.records import Table
from colliculus.runs.history import Row

SHARE = 0.9
"""Share of its best validation accuracy that a modality has to reach."""
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Coordination:
    """When each modality converges.

    Args:
        reached: epoch, from 1, in which a modality first has 90 % of its best validation accuracy, by modality.
        area: area between the curves of accuracy / best accuracy over the epochs, in epochs; for more than two
            modalities the mean over their pairs. 0 where all converge alike.
    """

    reached: dict[str, int]
    area: float

    @property
    def spread(self) -> int:
        """Epochs from the first modality that reaches its share to the last one."""
        return max(self.reached.values()) - min(self.reached.values())

    def __str__(self) -> str:
        reached = ", ".join(f"{m} in epoch {number}" for m, number in self.reached.items())
        return f"{SHARE:.0%} of its best: {reached}; area between the curves {self.area:.2f} epochs"

    def table(self) -> Table:
        """A row for each modality, and the two numbers of all."""
        rows = [(f"epoch in which {m} reaches {SHARE:.0%} of its best", str(n)) for m, n in self.reached.items()]
        rows += [
            ("epochs from the first to the last", str(self.spread)),
            ("area between the curves, in epochs", f"{self.area:.2f}"),
        ]
        return Table.of("Coordination of convergence (accuracy as a share of each best)", ("what", "value"), rows)


def coordination(epochs: Sequence[int], accuracy_alone: Mapping[str, Sequence[float | None]]) -> Coordination | None:
    """The coordination of these validation accuracies; None for fewer than two modalities with a number.

    Epochs without a number of some modality are left out. A modality that never recognises anything has no best.

    Args:
        epochs: numbers of the epochs.
        accuracy_alone: validation accuracy of each modality alone, by epoch.

    Example:
        >>> found = coordination([1, 2, 3], {"audio": [0.5, 1.0, 1.0], "visual": [0.2, 0.3, 0.4]})
        >>> found.reached, round(found.area, 3)  # shares 0.5, 1, 1 and 0.5, 0.75, 1
        ({'audio': 2, 'visual': 3}, 0.25)
    """
    known = [
        (epoch, values)
        for epoch, *values in zip(epochs, *accuracy_alone.values(), strict=True)
        if all(value is not None for value in values)
    ]
    curves = {m: [float(values[i] or 0.0) for _, values in known] for i, m in enumerate(accuracy_alone)}
    if len(curves) < 2 or not known or not all(max(curve) for curve in curves.values()):
        return None
    shares = {m: [value / max(curve) for value in curve] for m, curve in curves.items()}
    numbers = [epoch for epoch, _ in known]
    areas = [area_between(numbers, a, b) for a, b in combinations(shares.values(), 2)]
    return Coordination(
        reached={
            m: next(n for n, share in zip(numbers, curve, strict=True) if share >= SHARE - _ROUNDING)
            for m, curve in shares.items()
        },
        area=sum(areas) / len(areas),
    )


def coordination_of(history: Sequence[Row], modalities: Sequence[str]) -> Coordination | None:
    """The coordination of a training, by the validation accuracies of the modalities alone; None without them.

    Args:
        history: rows of `metrics.csv`.
        modalities: modalities of the model.
    """
    alone = {m: [row.get(f"validation_accuracy_{m}") for row in history] for m in modalities}
    return coordination([round(row["epoch"]) for row in history], alone)


def area_between(x: Sequence[float], a: Sequence[float], b: Sequence[float]) -> float:
    """Area between two polylines over the same places.

    Example:
        >>> area_between([0, 1], [1.0, 0.0], [0.0, 1.0])  # two triangles of half a unit each way
        0.5
    """
    total = 0.0
    for (left, right), (d, e) in zip(pairwise(x), pairwise([p - q for p, q in zip(a, b, strict=True)]), strict=True):
        width = right - left
        crossing = d * e < 0  # the lines meet inside: two triangles
        total += width * (d * d + e * e) / (2 * (abs(d) + abs(e))) if crossing else width * abs(d + e) / 2
    return total
