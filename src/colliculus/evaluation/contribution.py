"""What each modality contributes: Shapley values, accuracy alone, synergy, and how early the answer is there.

A model takes any of its modalities, so that the value of every subset S of them is measured and not estimated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from colliculus.evaluation.answers import Answers
from colliculus.runs.metrics import wilson_interval
from colliculus.types import ColliculusError

Subset = frozenset[str]
"""Names of the modalities that are given."""

MOST_MODALITIES = 10
"""Every subset takes a pass over the data: with more, the exact values would take thousands."""

Values = NDArray[np.float64]


def subsets(modalities: Sequence[str]) -> list[Subset]:
    """Every subset that is not empty, smaller ones first.

    Raises:
        ColliculusError: there are more than `MOST_MODALITIES`.

    Example:
        >>> [sorted(s) for s in subsets(["audio", "visual"])]
        [['audio'], ['visual'], ['audio', 'visual']]
    """
    if len(modalities) > MOST_MODALITIES:
        raise ColliculusError(
            f"{len(modalities)} modalities have {2 ** len(modalities) - 1:,} subsets: at most {MOST_MODALITIES} can "
            "be examined exactly"
        )
    return [frozenset(s) for size in range(1, len(modalities) + 1) for s in combinations(modalities, size)]


def followed(modalities: Sequence[str]) -> list[Subset]:
    """The subsets of which the anytime curve is measured, each modality alone and all together: it takes T passes.

    Example:
        >>> [sorted(s) for s in followed(["audio", "tactile", "visual"])]
        [['audio'], ['tactile'], ['visual'], ['audio', 'tactile', 'visual']]
    """
    return [s for s in subsets(modalities) if len(s) in (1, len(modalities))]


def shapley(values: Mapping[Subset, Values]) -> dict[str, Values]:
    """Exact Shapley values: what a modality adds, averaged over all orders in which they may join.

    phi_m = sum over S without m of |S|! (M - |S| - 1)! / M! * (v(S + m) - v(S)). They sum to v(all) - v(none), equal
    modalities get equal values, and one that never changes anything gets zero.

    Source: Shapley, "A value for n-person games", 1953.

    Args:
        values: v(S) of every subset, the empty one included; arrays of one shape, such as one number for each clip.

    Returns:
        phi of each modality, of that shape, in alphabetical order.

    Example:
        >>> v = {(): 0.5, ("a",): 0.6, ("b",): 0.8, ("a", "b"): 1.0}
        >>> {m: phi.round(3).item() for m, phi in shapley({frozenset(s): np.array(x) for s, x in v.items()}).items()}
        {'a': 0.15, 'b': 0.35}
    """
    everyone = max(values, key=len)
    count = len(everyone)
    weight = [factorial(size) * factorial(count - size - 1) / factorial(count) for size in range(count)]
    return {
        m: np.sum([weight[len(s)] * (values[s | {m}] - values[s]) for s in values if m not in s], axis=0)
        for m in sorted(everyone)
    }


def interaction(values: Mapping[Subset, Values]) -> Values:
    """What the modalities have together beyond the sum of what each has alone, v(M) - v(0) - sum_m (v(m) - v(0)).

    Positive: they complement each other (synergy). Negative: they say the same (redundancy).

    Args:
        values: v(S) of the empty subset, of each single modality and of all.
    """
    nothing, everyone = values[frozenset()], values[max(values, key=len)]
    alone = [values[frozenset({m})] - nothing for m in max(values, key=len)]
    return everyone - nothing - np.sum(alone, axis=0)


@dataclass(frozen=True)
class GivenModalities:
    """How the model fares with some of its modalities.

    Args:
        modalities: that are given.
        accuracy: over all clips.
        interval: its 95 % Wilson interval.
        probability: mean probability of the true class.
        step_accuracy: of the model run for its first 1, 2, ... T steps, later ones withheld (the anytime curve, see
            `colliculus.evaluation.anytime`); empty where it was not followed.
    """

    modalities: tuple[str, ...]
    accuracy: float
    interval: tuple[float, float]
    probability: float
    step_accuracy: tuple[float, ...]


@dataclass(frozen=True)
class ClassContribution:
    """Contributions on the clips of one class.

    Args:
        name: of the class.
        total: clips of the class.
        shapley: mean over them of each modality's Shapley value in the probability of the class; None without clips.
    """

    name: str
    total: int
    shapley: dict[str, float] | None


@dataclass(frozen=True)
class Contribution:
    """What each modality contributes; `dataclasses.asdict` turns it into plain JSON values.

    Args:
        modalities: of the model.
        total: clips.
        chance: 1 / K, the value of knowing nothing: v of no modality.
        given: every subset that is not empty, smaller ones first.
        shapley_accuracy: v(S) = accuracy; they sum to the accuracy less `chance`.
        shapley_probability: v(S) = probability of the true class, mean over the clips.
        gain_over_best: accuracy of all modalities less that of the best one alone.
        interaction: of the accuracies, see `interaction`.
        classes: K.
    """

    modalities: tuple[str, ...]
    total: int
    chance: float
    given: tuple[GivenModalities, ...]
    shapley_accuracy: dict[str, float]
    shapley_probability: dict[str, float]
    gain_over_best: float
    interaction: float
    classes: tuple[ClassContribution, ...]


def clip_shapley(answers: Mapping[Subset, Answers], num_classes: int) -> dict[str, Values]:
    """Shapley values of every clip in the probability of its true class, (n,) of each modality.

    Args:
        answers: of every subset that is not empty; without any modality each class has the probability 1 / K.
        num_classes: K.
    """
    values = {s: a.probability for s, a in answers.items()}
    nothing = np.full_like(next(iter(values.values())), 1 / num_classes)
    return shapley({frozenset[str](): nothing, **values})


def contribution(
    answers: Mapping[Subset, Answers],
    by_step: Mapping[Subset, Sequence[Answers]],
    labels: NDArray[np.int64],
    *,
    modalities: Sequence[str],
    names: Sequence[str],
) -> Contribution:
    """Sum up what a model said with every subset of its modalities.

    Args:
        answers: of every subset that is not empty.
        by_step: of the subsets that were followed, when the model ran for its first 1, 2, ... T steps.
        labels: (n,) true classes.
        modalities: of the model, in order.
        names: K class names.
    """
    chance = 1 / len(names)
    clips = clip_shapley(answers, len(names))
    given = tuple(_given(modalities, s, answers[s], by_step.get(s, ()), labels) for s in subsets(modalities))
    values = {frozenset[str](): np.asarray(chance)}
    values |= {frozenset(g.modalities): np.asarray(g.accuracy) for g in given}
    share = shapley(values)
    return Contribution(
        modalities=tuple(modalities),
        total=len(labels),
        chance=chance,
        given=given,
        shapley_accuracy={m: float(share[m]) for m in modalities},
        shapley_probability={m: float(clips[m].mean()) for m in modalities},
        gain_over_best=given[-1].accuracy - max(g.accuracy for g in given if len(g.modalities) == 1),
        interaction=float(interaction(values)),
        classes=tuple(_of_class(k, name, clips, labels, modalities) for k, name in enumerate(names)),
    )


def _given(
    modalities: Iterable[str],
    subset: Subset,
    answers: Answers,
    by_step: Sequence[Answers],
    labels: NDArray[np.int64],
) -> GivenModalities:
    right = int((answers.predicted == labels).sum())
    return GivenModalities(
        modalities=tuple(m for m in modalities if m in subset),
        accuracy=right / len(labels),
        interval=wilson_interval(right, len(labels)),
        probability=float(answers.probability.mean()),
        step_accuracy=tuple(float((after.predicted == labels).mean()) for after in by_step),
    )


def _of_class(
    k: int, name: str, clips: Mapping[str, Values], labels: NDArray[np.int64], modalities: Sequence[str]
) -> ClassContribution:
    mine = labels == k
    found = {m: float(clips[m][mine].mean()) for m in modalities} if mine.any() else None
    return ClassContribution(name=name, total=int(mine.sum()), shapley=found)
