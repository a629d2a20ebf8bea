"""What a comparison says, in one plain sentence or two."""

from __future__ import annotations

from colliculus.evaluation.comparison import Comparison
from colliculus.evaluation.significance import smallest_p
from colliculus.evaluation.student import LEVEL


def is_shown(comparison: Comparison) -> bool:
    """Whether the difference is more than the chance of seeds and more than the chance of clips.

    Each may refute it alone, so no p-value is raised for there being two of them (Berger 1982, Technometrics 24,
    295-300).
    """
    seeds, clips = comparison.p_seeds, comparison.p_clips
    return seeds is not None and max(seeds, clips) < LEVEL


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
    interval, over = (c.seed_interval, "seeds") if c.seed_interval else (c.clip_interval, "clips")
    low, high = (f"{100 * bound:+.1f}" for bound in interval)
    head = (
        f"{c.first} {outcome} {c.second}: {100 * c.difference:+.1f} points (95 % interval over {over} {low} to {high})."
    )
    raised = f" P-values are raised after Holm for {c.num_tests} tests." if c.num_tests > 1 else ""
    return f"{head} {_clips(c)} {_seeds(c)}{raised}"


def _clips(c: Comparison) -> str:
    found = f"{_p(c.p_clips)} over {c.num_clips:,} clips"
    if c.p_clips < LEVEL:
        return f"On such clips these trainings do differ ({found})."
    needed = f"; about {c.clips_needed:,} clips would show a difference of this size" if c.clips_needed else ""
    return f"The choice of clips alone could explain it ({found}{needed})."


def _seeds(c: Comparison) -> str:
    if c.p_seeds is None:
        return "One training of each says nothing of other seeds."
    n = len(c.pairs)
    kind = "seeds" if len({data for data, _ in c.pairs}) == 1 else "trainings"  # seeds, or seeds of several folds
    found = f"{_p(c.p_seeds)} over {n} {kind}"
    if c.p_seeds < LEVEL:
        return f"Over {kind} it is more than chance ({found})."
    needed = f"about {c.seeds_needed} {kind} would show a difference of this size" if c.seeds_needed else ""
    least = min(c.num_tests * smallest_p(n), 1.0)
    if least >= LEVEL:
        too_few = f"{n} {kind} cannot give less than {p_value(least)}"
        return f"Over {kind} it is not settled ({'; '.join(filter(None, (found, too_few, needed)))})."
    return f"The choice of {kind} alone could explain it ({'; '.join(filter(None, (found, needed)))})."


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
