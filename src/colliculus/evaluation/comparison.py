"""Two methods on the same test clips: how far apart they are, over trainings and over clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.evaluation.significance import (
    Part,
    bootstrap_interval,
    clip_permutation,
    clips_needed,
    holm,
    mcnemar,
    permutation,
    seeds_needed,
    smallest_p,
)
from colliculus.evaluation.student import student_interval
from colliculus.types import ColliculusError

Training = tuple[str, int]
"""One training of a method: name of its data (its fold, or "" where all share one test part), and its seed."""

Trainings = Mapping[Training, NDArray[np.bool_]]
"""Whether each test clip was recognised, (n,), by each training of a method."""


@dataclass(frozen=True)
class Comparison:
    """The first method less the second; accuracies and differences are shares, not percent.

    Two things vary, and each has a test of its own. Other seeds give other networks: `p_seeds` is the permutation test
    over seeds. Other test clips give other answers of these networks: `p_clips` is the permutation test over clips,
    whose trainings stay together; of one training each it is McNemar's exact test. Where there are several test parts
    (folds), each stands for one seed, with the mean over its seeds: trainings that share one are not independent.

    Args:
        first, second: names of the methods.
        pairs: trainings that both have, and that are compared.
        repeats: what was trained again, "seeds" or "test parts".
        num_clips: test clips.
        differences: of the accuracies, one for each seed or test part.
        mcnemar: of each pair, clips that the first alone has right, those of the second, and the exact p-value.
        difference: mean over seeds or test parts.
        seed_interval: its 95 % interval over seeds or test parts (Student); None for a single one.
        clip_interval: its 95 % interval over clips (bootstrap within each test part).
        p_seeds: None for a single one.
        p_clips: as above.
        p: the larger of both, raised after Holm for the tests made at once; None without `p_seeds`.
        least_p: the least that `p` could have been with so many seeds or test parts, the other tests being as
            they are.
        num_tests: tests made at once.
        seeds_needed, clips_needed: how many would show a difference of this size; None where it cannot be told.
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


def compare(first: str, second: str, methods: Mapping[str, Trainings], num_tests: int = 1) -> Comparison:
    """Compare two methods on what both were trained on, with the same seeds; no p-value is raised.

    Args:
        first, second: names of the methods.
        methods: the trainings of each.
        num_tests: tests that will be made at once, which decides how many seeds and clips are asked for.

    Raises:
        ColliculusError: they have no training in common, or one was tested on other clips.

    Example:
        >>> right = np.array([True, True, True, False])
        >>> methods = {"a": {("", 0): right, ("", 1): right}, "b": {("", 0): ~right, ("", 1): right}}
        >>> found = compare("a", "b", methods)
        >>> found.difference, found.mcnemar[0], found.p_seeds
        (0.25, (3, 1, 0.625), 1.0)
    """
    ours, theirs = methods[first], methods[second]
    if not (pairs := tuple(sorted(ours.keys() & theirs.keys()))):
        raise ColliculusError(f"{first} and {second} have no seed in common: train both with the same seeds")
    if unlike := [pair for pair in pairs if len(ours[pair]) != len(theirs[pair])]:
        raise ColliculusError(
            f"{first} was tested on {len(ours[unlike[0]])} clips and {second} on {len(theirs[unlike[0]])}"
        )
    lone = [(int((ours[p] & ~theirs[p]).sum()), int((theirs[p] & ~ours[p]).sum())) for p in pairs]
    differences = tuple(repeated({p: (a - b) / len(ours[p]) for p, (a, b) in zip(pairs, lone, strict=True)}))
    clips = _per_clip(ours, theirs, pairs)
    several, difference = len(differences) > 1, fmean(differences)
    p_seeds = permutation(differences) if several else None
    p_clips = clip_permutation(clips)
    means = np.concatenate([part.sums / part.num_trainings for part in clips])
    return Comparison(
        first=first,
        second=second,
        pairs=pairs,
        repeats="test parts" if len(clips) > 1 else "seeds",
        num_clips=len(means),
        differences=differences,
        mcnemar=tuple((a, b, mcnemar(a, b)) for a, b in lone),
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
    """What counts as independent: a value for each seed or, where there are several test parts, the mean of each.

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


def _per_clip(ours: Trainings, theirs: Trainings, pairs: Sequence[Training]) -> list[Part]:
    """Of each fold, the difference of the right answers to each clip, summed over the seeds."""
    parts: list[Part] = []
    for fold in dict.fromkeys(fold for fold, _ in pairs):
        seeds = [pair for pair in pairs if pair[0] == fold]
        sums = np.sum([ours[p].astype(np.int64) - theirs[p] for p in seeds], axis=0)
        parts.append(Part(sums, len(seeds)))
    return parts


def compare_all(methods: Mapping[str, Trainings], baseline: str) -> list[Comparison]:
    """Every other method against the baseline.

    A difference is shown where neither seeds nor clips explain it, so a comparison has one p-value, the larger of the
    two (Berger 1982, Technometrics 24, 295-300), and those are what Holm raises.
    """
    others = [name for name in methods if name != baseline]
    found = [compare(name, baseline, methods, len(others)) for name in others]
    tested = {place: c.p for place, c in enumerate(found) if c.p is not None}

    def raised(place: int, p: float) -> float:
        return dict(zip(tested, holm(list((tested | {place: p}).values())), strict=True))[place]

    return [
        c
        if c.p is None or c.least_p is None
        else replace(c, p=raised(i, c.p), least_p=raised(i, c.least_p), num_tests=len(tested))
        for i, c in enumerate(found)
    ]
