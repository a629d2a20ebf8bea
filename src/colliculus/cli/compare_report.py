"""What `colliculus compare` shows: a table of methods, a table of tests and a sentence for each; the same as data."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from colliculus.evaluation.comparison import Comparison, Trainings
from colliculus.evaluation.groups import Group
from colliculus.evaluation.score import Score
from colliculus.evaluation.verdict import is_shown, p_value, verdict
from colliculus.files.documents import package_version
from colliculus.records import console
from colliculus.runs.kept_predictions import Condition

if TYPE_CHECKING:
    from rich.console import RenderableType


_LEAST = 18
"""Characters of a method's name that a narrow terminal leaves on one line."""


@dataclass(frozen=True)
class Compared:
    """Methods and their tests.

    Args:
        groups: the methods, in order.
        methods: the answers of each by name.
        baseline: name of the one that the others are compared with.
        comparisons: each other method against the baseline.
        condition: what was done to the clips; None: what each run was tested under.
    """

    groups: Sequence[Group]
    methods: Mapping[str, Trainings]
    baseline: str
    comparisons: Sequence[Comparison]
    condition: Condition | None

    @property
    def scores(self) -> dict[str, Score]:
        """How each method did."""
        return {name: Score.of(trainings) for name, trainings in self.methods.items()}

    @property
    def repeats(self) -> str:
        """What stands for chance in training: seeds, or test parts where there are several."""
        return "test parts" if any(c.repeats == "test parts" for c in self.comparisons) else "seeds"

    @property
    def tested(self) -> Condition:
        """What was done to the clips."""
        return self.condition or Condition.of(next(iter(self.groups[0].members.values())).run)

    def data(self) -> dict[str, Any]:
        """What all were tested on."""
        runs = [member.run for group in self.groups for member in group.members.values()]
        return {
            "dataset": runs[0].experiment.data.name,
            "protocols": list(dict.fromkeys(run.protocol for run in runs)),
            "fingerprints": list(dict.fromkeys(run.fingerprint for run in runs)),
            "modalities": list(runs[0].spec.modalities),
            "classes": list(runs[0].spec.names),
            "condition": asdict(self.tested),
        }


def record(found: Compared) -> dict[str, Any]:
    """Everything as plain JSON values."""
    groups = [
        {
            "name": group.name,
            "preset": group.preset,
            "runs": [str(member.folder) for member in group.members.values()],
            "trainings": [list(training) for training in group.members],
            **asdict(found.scores[group.name]),
            "settings": next(iter(group.members.values())).settings,
        }
        for group in found.groups
    ]
    comparisons = [{**asdict(c), "shown": is_shown(c), "sentence": verdict(c)} for c in found.comparisons]
    version = {"version": package_version()}
    return version | found.data() | {"baseline": found.baseline, "methods": groups, "comparisons": comparisons}


COLUMNS = (
    "method", "trainings", "accuracy", "deviation", "low", "high", "baseline", "difference", "difference_low",
    "difference_high", "p_seeds", "p_clips", "p", "shown",
)  # fmt: skip


def table(found: Compared) -> str:
    """A row of CSV for each method, in shares; what does not apply is empty."""
    against = {c.first: c for c in found.comparisons}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, score in found.scores.items():
        c = against.get(name)
        low, high = (c.seed_interval or (None, None)) if c else (None, None)
        tests = (c.second, c.difference, low, high, c.p_seeds, c.p_clips, c.p, is_shown(c)) if c else ()
        own = (name, len(score.accuracies), score.accuracy, score.deviation, *score.interval)
        writer.writerow([*own, *tests] + [None] * (len(COLUMNS) - len(own) - len(tests)))
    return text.getvalue()


def pages(found: Compared) -> Iterator[RenderableType]:
    """What is printed."""
    data = found.data()
    clips = sum({t[0]: len(right) for methods in found.methods.values() for t, right in methods.items()}.values())
    facts = {
        "data": f"{data['dataset']}, {', '.join(data['protocols'])}",
        "test": f"{clips:,} clips, {found.tested.describe()}",
    }
    yield console.facts("Comparison", facts)
    yield _methods(found)
    if found.comparisons:
        yield _tests(found)
        yield from (verdict(comparison) for comparison in found.comparisons)


def _methods(found: Compared) -> RenderableType:
    shown = console.plain_table()
    shown.add_column("method", style="cyan", min_width=_LEAST, overflow="fold")
    for heading in ("runs", "accuracy, %", "95 % interval", "range"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for name, score in found.scores.items():
        spread = "" if score.deviation is None else f" ± {100 * score.deviation:.1f}"
        interval = _range(*score.interval) + ("" if spread else " (clips)")
        reach = _range(min(score.accuracies), max(score.accuracies))
        shown.add_row(name, str(len(score.accuracies)), f"{100 * score.accuracy:.1f}{spread}", interval, reach)
    return console.titled(f"Methods: mean, standard deviation and interval over {found.repeats}", shown)


def _range(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f}"


def _tests(found: Compared) -> RenderableType:
    shown = console.plain_table()
    shown.add_column("method", style="cyan", min_width=_LEAST, overflow="fold")
    for heading in ("points", f"over {found.repeats}", "p", "over clips", "p", "both"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for c in found.comparisons:
        seeds, clips = (_points(interval) for interval in (c.seed_interval, c.clip_interval))
        p_seeds, p = ("" if value is None else p_value(value) for value in (c.p_seeds, c.p))
        shown.add_row(c.first, f"{100 * c.difference:+.1f}", seeds, p_seeds, clips, p_value(c.p_clips), p)
    title = f"Difference to {found.baseline}, paired, 95 % intervals; both: the larger p, after Holm"
    return console.titled(title, shown)


def _points(interval: tuple[float, float] | None) -> str:
    """Bounds of a difference in points.

    Example:
        >>> _points((-0.0123, 0.2))
        '-1.2 to +20.0'
    """
    return "" if interval is None else " to ".join(f"{100 * bound:+.1f}" for bound in interval)
