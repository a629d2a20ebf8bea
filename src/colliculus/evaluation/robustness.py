"""Accuracy against what may happen to the inputs: curves, and the area under each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from colliculus.evaluation.conditions import UNITS, Condition, Kind


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Accuracy of one kind of harm to the same modalities, by level.

    Args:
        kind: of the harm.
        target: modalities it happens to.
        unit: what the levels are.
        levels: in rising order, with 0 for no harm where that is a level; words where a modality is missing.
        accuracy: at each level, the mean over the seeds.
        lowest: at each level, of all seeds.
        highest: the same.
        area: mean accuracy along the curve (`area_under`); None where a level is no number.
        retained: the area beyond chance, as a share of the accuracy without harm beyond chance; None where there is no
            area, or nothing beyond chance.
    """

    kind: Kind
    target: str
    unit: str
    levels: tuple[float | str, ...]
    accuracy: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    area: float | None
    retained: float | None


def area_under(levels: Sequence[float], accuracy: Sequence[float]) -> float:
    """Area under the straight lines between the points, divided by the range of the levels: the mean accuracy, 0 to 1.

    Args:
        levels: in rising order.
        accuracy: at each.

    Example:
        >>> area_under([-10.0, 0.0, 20.0], [0.5, 0.5, 1.0])
        0.6666666666666666
    """
    if len(levels) == 1:
        return accuracy[0]
    area = sum((b - a) * (x + y) / 2 for (a, b), (x, y) in zip(pairwise(levels), pairwise(accuracy), strict=True))
    return area / (levels[-1] - levels[0])


def curves(measured: Mapping[Condition, float], clean: float, chance: float) -> list[Curve]:
    """Gather accuracies into curves.

    Args:
        measured: accuracy of each condition.
        clean: accuracy without harm; the point at level 0 of every kind but noise, whose levels have no such end.
        chance: accuracy of guessing.
    """
    groups: dict[tuple[Kind, str], dict[float | str, list[float]]] = {}
    for condition, accuracy in measured.items():
        group = groups.setdefault((condition.kind, condition.target), {})
        group.setdefault(condition.level, []).append(accuracy)
    return [_curve(kind, target, by_level, clean, chance) for (kind, target), by_level in groups.items()]


def _curve(kind: Kind, target: str, by_level: Mapping[float | str, list[float]], clean: float, chance: float) -> Curve:
    numbers = sorted(level for level in by_level if not isinstance(level, str))
    if numbers and kind not in ("white", "pink"):
        by_level = {0.0: [clean], **by_level}
        numbers = sorted({0.0, *numbers})
    levels: list[float | str] = [*(numbers or by_level)]
    means = [fmean(by_level[level]) for level in levels]
    area = area_under(numbers, means) if numbers else None
    return Curve(
        kind=kind,
        target=target,
        unit=UNITS[kind],
        levels=tuple(levels),
        accuracy=tuple(means),
        lowest=tuple(min(by_level[level]) for level in levels),
        highest=tuple(max(by_level[level]) for level in levels),
        area=area,
        retained=None if area is None or clean <= chance else (area - chance) / (clean - chance),
    )
