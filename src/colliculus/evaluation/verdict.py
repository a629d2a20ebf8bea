"""Result of a paired test in one or two plain sentences."""

from __future__ import annotations

from collections.abc import Iterator

from colliculus.evaluation.paired import PairedTest
from colliculus.evaluation.significance import LEVEL


def verdict(test: PairedTest) -> str:
    """The result in words: which method is better and by how much, or what it would take to show a difference.

    Example:
        >>> import numpy as np
        >>> from colliculus.evaluation.paired import paired_test
        >>> correct = np.arange(100) < 60
        >>> methods = {"a": {("", 0): correct}, "b": {("", 0): correct}}
        >>> verdict(paired_test("a", "b", methods))[:74]
        'With one pair of trainings, these clips do not tell a from b: +0.0 points '
    """
    if test.p_seeds is None:
        return _of_single_trainings(test)
    better = "is better than" if test.difference > 0 else "is worse than"
    outcome = better if test.is_shown else "is not shown to differ from"
    interval, over = (test.seed_interval, test.repeats) if test.seed_interval else (test.clip_interval, "clips")
    low, high = (f"{100 * bound:+.1f}" for bound in interval)
    head = (
        f"{test.first} {outcome} {test.second}: {100 * test.difference:+.1f} points "
        f"(95 % interval over {over} {low} to {high})."
    )
    return " ".join([head, _clips(test), _seeds(test, test.p_seeds), *_adjusted(test)])


def _clips(test: PairedTest) -> str:
    found = f"{_p(test.p_clips)} over {test.num_clips:,} clips"
    if test.p_clips < LEVEL:
        return f"On these clips the trainings differ ({found})."
    needed = f"; about {test.clips_needed:,} clips would show a difference of this size" if test.clips_needed else ""
    return f"The choice of clips alone could explain it ({found}{needed})."


def _of_single_trainings(test: PairedTest) -> str:
    """One pair of trainings: what these clips show, and that this does not judge the methods."""
    low, high = (f"{100 * bound:+.1f}" for bound in test.clip_interval)
    found = f"{100 * test.difference:+.1f} points (95 % interval over {test.num_clips:,} clips {low} to {high}"
    if test.p_clips < LEVEL:
        better = "better" if test.difference > 0 else "worse"
        outcome = f"that of {test.first} is {better} than that of {test.second}: {found}, {_p(test.p_clips)})"
    else:
        needed = (
            f"; about {test.clips_needed:,} clips would show a difference of this size" if test.clips_needed else ""
        )
        outcome = f"these clips do not tell {test.first} from {test.second}: {found}, {_p(test.p_clips)}{needed})"
    return f"With one pair of trainings, {outcome}. For a result about the methods train several seeds of both."


def _seeds(test: PairedTest, p_seeds: float) -> str:
    found = f"{_p(p_seeds)} over {len(test.differences)} {test.repeats}"
    if p_seeds < LEVEL:
        return f"The choice of {test.repeats} does not explain it ({found})."
    needed = f"; about {test.seeds_needed} {test.repeats} would show a difference of this size"
    return f"The choice of {test.repeats} alone could explain it ({found}{needed if test.seeds_needed else ''})."


def _adjusted(test: PairedTest) -> Iterator[str]:
    if test.p is None or test.least_p is None:
        return
    if test.num_tests > 1:
        yield f"Both together, adjusted for {test.num_tests} tests (Holm): {_p(test.p)}."
    if test.least_p >= LEVEL:
        among = f" and {test.num_tests} tests" if test.num_tests > 1 else ""
        yield f"With {len(test.differences)} {test.repeats}{among} p cannot be below {p_value(test.least_p)}."


def p_value(value: float) -> str:
    """A p-value with two digits.

    Example:
        >>> p_value(0.03125), p_value(1.0), p_value(0.00001)
        ('0.031', '1', '< 0.0001')
    """
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def _p(value: float) -> str:
    text = p_value(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
