"""Two methods on the same test clips: how far apart they are, over trainings and over clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from colliculus.evaluation.significance import (
    bootstrap_interval,
    clip_permutation,
    clips_needed,
    holm,
    mcnemar,
    permutation,
    seeds_needed,
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
    over pairs of trainings. Other test clips give other answers of these networks: `p_clips` is the permutation test
    over clips, whose trainings stay together; of one training each it is McNemar's exact test.

    Args:
        first, second: names of the methods.
        pairs: trainings that both have, and that are compared.
        num_clips: test clips.
        differences: of the accuracies of each pair.
        mcnemar: of each pair, clips that the first alone has right, those of the second, and the exact p-value.
        difference: mean over the pairs.
        seed_interval: its 95 % interval over seeds (Student); None for a single pair.
        clip_interval: its 95 % interval over clips (bootstrap).
        p_seeds: None for a single pair.
        p_clips: as above.
        num_tests: tests that were made at once; both p-values are raised for so many after Holm.
        seeds_needed, clips_needed: how many would show a difference of this size; None where it cannot be told.
    """

    first: str
    second: str
    pairs: tuple[Training, ...]
    num_clips: int
    differences: tuple[float, ...]
    mcnemar: tuple[tuple[int, int, float], ...]
    difference: float
    seed_interval: tuple[float, float] | None
    clip_interval: tuple[float, float]
    p_seeds: float | None
    p_clips: float
    num_tests: int
    seeds_needed: int | None
    clips_needed: int | None


def compare(first: str, second: str, methods: Mapping[str, Trainings], num_tests: int = 1) -> Comparison:
    """Compare two methods on what both were trained on, with the same seeds.

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
    differences = tuple((a - b) / len(ours[p]) for p, (a, b) in zip(pairs, lone, strict=True))
    sums, means = _per_clip(ours, theirs, pairs)
    several, difference = len(pairs) > 1, float(np.mean(differences))
    return Comparison(
        first=first,
        second=second,
        pairs=pairs,
        num_clips=len(sums),
        differences=differences,
        mcnemar=tuple((a, b, mcnemar(a, b)) for a, b in lone),
        difference=difference,
        seed_interval=student_interval(differences) if several else None,
        clip_interval=bootstrap_interval(means),
        p_seeds=permutation(differences) if several else None,
        p_clips=clip_permutation(sums),
        num_tests=num_tests,
        seeds_needed=seeds_needed(difference, float(np.std(differences, ddof=1)), num_tests) if several else None,
        clips_needed=clips_needed(difference, float(np.std(means)), num_tests),
    )


def _per_clip(
    ours: Trainings, theirs: Trainings, pairs: Sequence[Training]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Difference of the right answers to each clip, summed over the seeds and their mean: (n,) and (n,)."""
    sums: list[NDArray[np.int64]] = []
    means: list[NDArray[np.float64]] = []
    for part in dict.fromkeys(data for data, _ in pairs):
        seeds = [pair for pair in pairs if pair[0] == part]
        sums.append(np.sum([ours[p].astype(np.int64) - theirs[p] for p in seeds], axis=0))
        means.append(sums[-1] / len(seeds))
    return np.concatenate(sums), np.concatenate(means)


def compare_all(methods: Mapping[str, Trainings], baseline: str) -> list[Comparison]:
    """Every other method against the baseline, with p-values raised after Holm for so many tests."""
    others = [name for name in methods if name != baseline]
    found = [compare(name, baseline, methods, len(others)) for name in others]
    p_clips = holm([c.p_clips for c in found])
    seeded = [place for place, c in enumerate(found) if c.p_seeds is not None]
    raised = holm([c.p_seeds for c in found if c.p_seeds is not None])
    p_seeds = dict(zip(seeded, raised, strict=True))
    return [replace(c, p_clips=p_clips[i], p_seeds=p_seeds.get(i)) for i, c in enumerate(found)]
