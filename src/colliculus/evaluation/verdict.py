"""What a comparison says, in one plain sentence or two."""

from __future__ import annotations

from collections.abc import Iterator

from colliculus.evaluation.comparison import Comparison
from colliculus.evaluation.student import LEVEL


def is_shown(comparison: Comparison) -> bool:
    """Whether the difference is more than the chance of seeds and more than the chance of clips, among all tests."""
    return comparison.p is not None and comparison.p < LEVEL


def verdict(comparison: Comparison) -> str:
    """The outcome in words: who is better by how much, or that it is not shown, why, and what it would take.

    Example:
        >>> import numpy as np
        >>> from colliculus.evaluation.comparison import compare
        >>> right = np.arange(100) < 60
        >>> methods = {"a": {("", 0): right}, "b": {("", 0): right}}
        >>> verdict(compare("a", "b", methods))[:72]
        'a is not shown to differ from b: +0.0 points (95 % interval over clips +'
    """
    c = comparison
    better = "is better than" if c.difference > 0 else "is worse than"
    outcome = better if is_shown(c) else "is not shown to differ from"
    interval, over = (c.seed_interval, c.repeats) if c.seed_interval else (c.clip_interval, "clips")
    low, high = (f"{100 * bound:+.1f}" for bound in interval)
    head = (
        f"{c.first} {outcome} {c.second}: {100 * c.difference:+.1f} points (95 % interval over {over} {low} to {high})."
    )
    return " ".join([head, _clips(c), _seeds(c), *_raised(c)])


def _clips(c: Comparison) -> str:
    found = f"{_p(c.p_clips)} over {c.num_clips:,} clips"
    if c.p_clips < LEVEL:
        return f"On such clips these trainings do differ ({found})."
    needed = f"; about {c.clips_needed:,} clips would show a difference of this size" if c.clips_needed else ""
    return f"The choice of clips alone could explain it ({found}{needed})."


def _seeds(c: Comparison) -> str:
    if c.p_seeds is None:
        return "One training of each says nothing of other seeds."
    found = f"{_p(c.p_seeds)} over {len(c.differences)} {c.repeats}"
    if c.p_seeds < LEVEL:
        return f"Over {c.repeats} it is more than chance ({found})."
    needed = f"about {c.seeds_needed} {c.repeats} would show a difference of this size" if c.seeds_needed else ""
    return f"The choice of {c.repeats} alone could explain it ({'; '.join(filter(None, (found, needed)))})."


def _raised(c: Comparison) -> Iterator[str]:
    if c.p is None or c.least_p is None:
        return
    if c.num_tests > 1:
        yield f"Both together, after Holm for {c.num_tests} tests: {_p(c.p)}."
    if c.least_p >= LEVEL:
        among = " among so many tests" if c.num_tests > 1 else ""
        yield f"So few {c.repeats} can show nothing{among}: p could not fall below {p_value(c.least_p)}."


def p_value(value: float) -> str:
    """A p-value with two digits.

    Example:
        >>> p_value(0.03125), p_value(1.0), p_value(0.00001)
        ('0.031', '1', '< 0.0001')
    """
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def _p(value: float) -> str:
    told = p_value(value)
    return f"p {told}" if told.startswith("<") else f"p = {told}"
