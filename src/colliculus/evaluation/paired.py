"""Paired tests of two methods on the same test clips, over trainings and over clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.evaluation.significance import (
    LEVEL,
    Part,
    bootstrap_interval,
    clip_permutation,
    clips_needed,
    holm,
    mcnemar,
    permutation,
    seeds_needed,
    smallest_p,
    student_interval,
)
from colliculus.runs.metrics import wilson_interval
from colliculus.types import ColliculusError

Training = tuple[str, int]
"""One training of a method: name of its test part (such as its fold, or "" where all share one), and its seed."""

Trainings = Mapping[Training, NDArray[np.bool_]]
"""Correctness of a method: for each training (n,), True where a test clip was recognised."""


@dataclass(frozen=True)
class PairedTest:
    """Difference of two methods, first minus second, as a fraction and not in percent.

    Two sources of chance are tested. Another seed gives another network: `p_seeds` is the permutation test over seeds.
    Other test clips give other predictions: `p_clips` is the permutation test over clips, with all trainings of a clip
    kept together; with one training each it is McNemar's exact test. Where there are several test parts (folds), each
    of them counts once, with the mean over its seeds, because trainings that share a part are not independent.

    Args:
        first, second: names of the methods.
        pairs: trainings that both methods have, which are compared.
        repeats: unit of repetition, "seeds" or "test parts".
        num_clips: number of test clips.
        differences: difference of the accuracies for each seed or test part.
        mcnemar: for each pair, clips that only the first recognises, clips that only the second recognises, exact p.
        difference: mean over seeds or test parts.
        seed_interval: its 95 % interval over seeds or test parts (Student); None for a single one.
        clip_interval: its 95 % interval over clips (bootstrap within each test part).
        p_seeds: p-value over seeds or test parts; None for a single one.
        p_clips: p-value over clips.
        p: the larger of both, adjusted by Holm's method for simultaneous tests; None without `p_seeds`.
        least_p: smallest value that `p` can take with this number of seeds or test parts, given the other tests.
        num_tests: number of simultaneous tests.
        seeds_needed, clips_needed: number that would show a difference of this size; None where unknown.
    """

    first: str
    second: str
    pairs: tuple[Training, ...]
    repeats: Literal["seeds", "test parts"]
    num_clips: int
    differences: tuple[float, ...]
    mcnemar: tuple[tuple[int, int, float], ...]
    difference: float
    seed_interval: tuple[float, float] | None
    clip_interval: tuple[float, float]
    p_seeds: float | None
    p_clips: float
    p: float | None
    least_p: float | None
    num_tests: int
    seeds_needed: int | None
    clips_needed: int | None

    @property
    def is_shown(self) -> bool:
        """True where neither the choice of seeds nor the choice of clips explains the difference."""
        return self.p is not None and self.p < LEVEL


def paired_test(first: str, second: str, methods: Mapping[str, Trainings], num_tests: int = 1) -> PairedTest:
    """Compare two methods on the trainings that both have; p-values are not adjusted.

    Args:
        first, second: names of the methods.
        methods: correctness of each method by name.
        num_tests: number of simultaneous tests, which raises the suggested numbers of seeds and clips.

    Raises:
        ColliculusError: the methods have no training in common, or were tested on different clips.

    Example:
        >>> correct = np.array([True, True, True, False])
        >>> methods = {"a": {("", 0): correct, ("", 1): correct}, "b": {("", 0): ~correct, ("", 1): correct}}
        >>> found = paired_test("a", "b", methods)
        >>> found.difference, found.mcnemar[0], found.p_seeds
        (0.25, (3, 1, 0.625), 1.0)
    """
    ours, theirs = methods[first], methods[second]
    if not (pairs := tuple(sorted(ours.keys() & theirs.keys()))):
        raise ColliculusError(f"{first} and {second} have no seed in common: train both with the same seeds")
    if unequal := [pair for pair in pairs if len(ours[pair]) != len(theirs[pair])]:
        raise ColliculusError(
            f"{first} was tested on {len(ours[unequal[0]])} clips and {second} on {len(theirs[unequal[0]])}: "
            "test both on the same clips"
        )
    only = [(int((ours[p] & ~theirs[p]).sum()), int((theirs[p] & ~ours[p]).sum())) for p in pairs]
    differences = tuple(repeated({p: (a - b) / len(ours[p]) for p, (a, b) in zip(pairs, only, strict=True)}))
    clips = _per_clip(ours, theirs, pairs)
    several, difference = len(differences) > 1, fmean(differences)
    p_seeds = permutation(differences) if several else None
    p_clips = clip_permutation(clips)
    means = np.concatenate([part.sums / part.num_trainings for part in clips])
    return PairedTest(
        first=first,
        second=second,
        pairs=pairs,
        repeats="test parts" if len(clips) > 1 else "seeds",
        num_clips=len(means),
        differences=differences,
        mcnemar=tuple((a, b, mcnemar(a, b)) for a, b in only),
        difference=difference,
        seed_interval=student_interval(differences) if several else None,
        clip_interval=bootstrap_interval([part.sums / part.num_trainings for part in clips]),
        p_seeds=p_seeds,
        p_clips=p_clips,
        p=None if p_seeds is None else max(p_seeds, p_clips),
        least_p=smallest_p(len(differences)) if several else None,
        num_tests=num_tests,
        seeds_needed=seeds_needed(difference, stdev(differences), num_tests) if several else None,
        clips_needed=clips_needed(difference, float(np.std(means)), num_tests),
    )


def repeated(values: Mapping[Training, float]) -> list[float]:
    """Independent values: one for each seed or, where there are several test parts, the mean of each part.

    Example:
        >>> repeated({("", 0): 0.1, ("", 1): 0.3})
        [0.1, 0.3]
        >>> repeated({("fold 0", 0): 0.25, ("fold 0", 1): 0.75, ("fold 1", 0): 0.5})
        [0.5, 0.5]
    """
    folds: dict[str, list[float]] = {}
    for (fold, _), value in values.items():
        folds.setdefault(fold, []).append(value)
    return [fmean(of) for of in folds.values()] if len(folds) > 1 else list(values.values())


@dataclass(frozen=True)
class Score:
    """Accuracy of one method, as a fraction.

    Args:
        accuracies: accuracy of each training.
        accuracy: mean over seeds; with several test parts, over the means of the parts.
        deviation: standard deviation of the same values; None for a single training.
        interval: 95 % interval over the same values (Student), within 0 and 1; of one training, over clips (Wilson).
    """

    accuracies: tuple[float, ...]
    accuracy: float
    deviation: float | None
    interval: tuple[float, float]

    @classmethod
    def of(cls, trainings: Trainings) -> Score:
        """Score of one method.

        Example:
            >>> correct = np.array([True, True, False, False])
            >>> score = Score.of({("", 0): correct, ("", 1): correct | True})
            >>> score.accuracies, score.accuracy, score.interval
            ((0.5, 1.0), 0.75, (0.0, 1.0))
        """
        accuracies = {training: float(correct.mean()) for training, correct in trainings.items()}
        values = repeated(accuracies)
        if len(values) == 1:
            correct = next(iter(trainings.values()))
            return cls((values[0],), values[0], None, wilson_interval(int(correct.sum()), len(correct)))
        low, high = student_interval(values)
        return cls(tuple(accuracies.values()), fmean(values), stdev(values), (max(low, 0.0), min(high, 1.0)))


def _per_clip(ours: Trainings, theirs: Trainings, pairs: Sequence[Training]) -> list[Part]:
    """For each test part, the difference in correctness of each clip, summed over the seeds."""
    parts: list[Part] = []
    for fold in dict.fromkeys(fold for fold, _ in pairs):
        seeds = [pair for pair in pairs if pair[0] == fold]
        sums = np.sum([ours[p].astype(np.int64) - theirs[p] for p in seeds], axis=0)
        parts.append(Part(sums, len(seeds)))
    return parts


def paired_tests(methods: Mapping[str, Trainings], baseline: str) -> tuple[PairedTest, ...]:
    """Compare every other method with the baseline, with p-values adjusted by Holm's method.

    A difference is shown where neither seeds nor clips explain it, so each test has one p-value, the larger of the two
    (Berger 1982, Technometrics 24, 295-300), and Holm's method adjusts these.
    """
    others = [name for name in methods if name != baseline]
    found = [paired_test(name, baseline, methods, len(others)) for name in others]
    tested = {place: test.p for place, test in enumerate(found) if test.p is not None}

    def adjusted(place: int, p: float) -> float:
        return dict(zip(tested, holm(list((tested | {place: p}).values())), strict=True))[place]

    return tuple(
        test
        if test.p is None or test.least_p is None
        else replace(test, p=adjusted(i, test.p), least_p=adjusted(i, test.least_p), num_tests=len(tested))
        for i, test in enumerate(found)
    )
