"""Curves of accuracy by severity, and the area under each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from colliculus.evaluation.corruption.plan import KINDS, NOISES, Corruption, Kind


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Accuracy under one kind of corruption of the same modalities, by severity.

    Args:
        kind: kind of corruption.
        target: corrupted modalities.
        unit: unit of the severities.
        severities: rising, with 0 for clean inputs where the kind has such a severity; words for a missing modality.
        accuracy: mean accuracy over the seeds, at each severity.
        lowest, highest: lowest and highest accuracy of a seed, at each severity.
        area: mean accuracy along the curve (`area_under`); None where severities are words.
        relative_robustness: area beyond chance as a share of the clean accuracy beyond chance; None without an area, or
            where the clean accuracy is not beyond chance.
    """

    kind: Kind
    target: str
    unit: str
    severities: tuple[float | str, ...]
    accuracy: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    area: float | None
    relative_robustness: float | None


def area_under(severities: Sequence[float], accuracy: Sequence[float]) -> float:
    """Area under the straight lines between points of rising severity, divided by their range: a mean accuracy.

    Example:
        >>> area_under([-10.0, 0.0, 20.0], [0.5, 0.5, 1.0])
        0.6666666666666666
    """
    if len(severities) == 1:
        return accuracy[0]
    area = sum((b - a) * (x + y) / 2 for (a, b), (x, y) in zip(pairwise(severities), pairwise(accuracy), strict=True))
    return area / (severities[-1] - severities[0])


def curves(measured: Mapping[Corruption, float], clean: float, chance: float) -> list[Curve]:
    """Gather accuracies into curves. The clean one is the point at severity 0 of every kind but noise."""
    groups: dict[tuple[Kind, str], dict[float | str, list[float]]] = {}
    for corruption, accuracy in measured.items():
        group = groups.setdefault((corruption.kind, corruption.target), {})
        group.setdefault(corruption.severity, []).append(accuracy)
    return [_curve(kind, target, group, clean, chance) for (kind, target), group in groups.items()]


def _curve(kind: Kind, target: str, found: Mapping[float | str, list[float]], clean: float, chance: float) -> Curve:
    numbers = sorted(x for x in found if not isinstance(x, str))
    if numbers and kind not in NOISES:
        found = {0.0: [clean], **found}
        numbers = sorted({0.0, *numbers})
    severities: list[float | str] = [*(numbers or found)]
    means = [fmean(found[x]) for x in severities]
    area = area_under(numbers, means) if numbers else None
    return Curve(
        kind=kind,
        target=target,
        unit=KINDS[kind].severities,
        severities=tuple(severities),
        accuracy=tuple(means),
        lowest=tuple(min(found[x]) for x in severities),
        highest=tuple(max(found[x]) for x in severities),
        area=area,
        relative_robustness=None if area is None or clean <= chance else (area - chance) / (clean - chance),
    )
