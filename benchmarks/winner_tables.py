"""Tables and sentences of benchmarks/winner.py, from finished runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from study import markdown, result, validation
from winner_plan import TECTUM, Bar

from colliculus.evaluation.comparison import compare
from colliculus.evaluation.energy.record import Energy
from colliculus.evaluation.paired import PairedTest, Score, Training
from colliculus.evaluation.significance import LEVEL
from colliculus.evaluation.verdict import p_value
from colliculus.runs.kept_predictions import Condition

Runs = Mapping[str, Sequence[Path]]
"""Run folders by title, that of Tectum among them."""
Accuracies = Mapping[Training, float]
"""Accuracy of each finished training of a variant."""
ENERGY = Energy.FILE
LEEWAY = 1.05
"""Spikes that a cheap form may send, as a multiple of the number in its bar."""


@dataclass(frozen=True)
class Compared:
    """A comparison with Tectum, by the titles of the variants."""

    scores: Mapping[str, Score]
    tests: Mapping[str, PairedTest]
    accuracies: Mapping[str, Accuracies]


def compared(runs: Runs, condition: Condition | None = None) -> Compared:
    """Every variant against Tectum on the same clips, by kept predictions; None is as the runs were tested."""
    titles = {str(folder): title for title, folders in runs.items() for folder in folders}
    chosen = condition or Condition()
    found = compare(
        [folder for title in (TECTUM, *runs) for folder in runs[title]],
        snr_db=chosen.snr_db,
        missing=chosen.missing,
        device=None,
    )
    named = {method.name: titles[method.runs[0]] for method in found.methods}
    return Compared(
        scores={named[method.name]: method.score for method in found.methods},
        tests={named[test.first]: test for test in found.tests},
        accuracies={
            named[method.name]: dict(zip(method.trainings, method.score.accuracies, strict=True))
            for method in found.methods
        },
    )


def differences(ours: Accuracies, theirs: Accuracies) -> list[float]:
    """Accuracy of ours minus theirs for each training that both have; one may have seeds that the other lacks."""
    return [accuracy - theirs[training] for training, accuracy in ours.items() if training in theirs]


def accuracy_table(found: Compared, more: Mapping[str, Mapping[str, str]] | None = None) -> list[str]:
    """Accuracy of each variant with its interval, and how far Tectum is above it; the best on top.

    Args:
        found: the comparison.
        more: further cells of each row, by title and heading.
    """
    ranked = sorted(found.scores.items(), key=lambda item: -item[1].accuracy)
    return markdown(
        [
            {
                "variant": title,
                "seeds": str(len(score.accuracies)),
                "test accuracy, %": f"{100 * score.accuracy:.1f} ({span(score.interval)})",
                **_tested(found.tests.get(title)),
                **(more or {}).get(title, {}),
            }
            for title, score in ranked
        ]
    )


def span(interval: tuple[float, float], form: str = ".1f") -> str:
    """Bounds of fractions in percent."""
    return " to ".join(format(100 * bound, form) for bound in interval)


def _points(test: PairedTest) -> float:
    """Points of Tectum over the variant; zero has no sign."""
    return 0.0 - 100 * test.difference


def _tested(test: PairedTest | None) -> dict[str, str]:
    """Difference of Tectum to the variant, with its interval, both p-values, and what Holm makes of the larger."""
    headings = ("Tectum over it, points", "p, seeds", "p, clips", "p, both, Holm")
    if test is None:
        return dict.fromkeys(headings, "")
    points = f"{_points(test):+.1f}"
    if test.seed_interval is not None:
        low, high = test.seed_interval
        points += f" ({span((0.0 - high, 0.0 - low), '+.1f')})"
    p_values = ("" if p is None else p_value(p) for p in (test.p_seeds, test.p_clips, test.p))
    return dict(zip(headings, (points, *p_values), strict=True))


def rivals_table(runs: Runs, bar: Bar) -> list[str]:
    """Tectum and its rivals, and what is reached of the bar."""
    found = compared(runs)
    return [*accuracy_table(found), "", *reached(found, bar), *joint_layer(runs)]


def reached(found: Compared, bar: Bar) -> Iterator[str]:
    """A sentence for each part of a bar."""
    ours = found.scores[TECTUM].accuracy
    if bar.accuracy is not None:
        yield f"- Accuracy of at least {bar.accuracy:g} %: {verdict(100 * ours, bar.accuracy)}."
    for title, margin in bar.margins.items():
        if title in found.tests:
            outcome = margin_verdict(found.tests[title], margin, bar.p)
            yield f"- At least {margin:+g} points over {title}{_bound(bar.p)}: {outcome}."
    if bar.among_best:
        best = max(found.scores, key=lambda title: found.scores[title].accuracy)
        yield f"- Not below the best: {_among_best(found)}, and the highest mean is that of {best}."


def _among_best(found: Compared) -> str:
    """Verdict on Tectum among the best; undecided where seeds are too few to show that a higher mean is better."""
    ours = found.scores[TECTUM].accuracy
    if better := [title for title, test in found.tests.items() if test.is_shown and test.difference > 0]:
        return f"missed; shown to be better: {', '.join(better)}"
    above = [test for title, test in found.tests.items() if found.scores[title].accuracy > ours]
    if few := [len(test.differences) for test in above if test.least_p is None or test.least_p >= LEVEL]:
        return f"undecided; so few seeds ({min(few)}) can show no difference"
    return "reached; none is shown to be better"


def _bound(p: float | None) -> str:
    return "" if p is None else f" with p below {p:g}"


def verdict(value: float, least: float) -> str:
    """Verdict on a value that must reach a bar."""
    return f"{'reached' if value >= least else 'missed'} ({value:.1f})"


def margin_verdict(test: PairedTest, margin: float, p: float | None) -> str:
    """Verdict on the margin of Tectum over a rival; p is that of both tests after Holm.

    A rival ties where neither is shown to be better.
    """
    points = _points(test)
    certain = p is None or (test.p is not None and test.p < p)
    words = "reached" if points >= margin and certain else "missed"
    tie = "" if test.is_shown else ", not shown to differ"
    found = "" if test.p is None else f", p = {p_value(test.p)}"
    return f"{words} ({points:+.1f}{found}{tie})"


def joint_layer(runs: Runs) -> Iterator[str]:
    """How often the validation part kept the joint layer of Tectum."""
    decisions = [part for folder in runs[TECTUM] for part in result(folder).decisions]
    if decisions:
        kept = sum(part.kept for part in decisions)
        yield f"- The validation part kept the joint layer in {kept} of {len(decisions)} trainings of Tectum."


def lag_table(by_lag: Mapping[str, Compared], bar: Bar) -> list[str]:
    """A row for each variant and a column for each lag, the tests at each, and what is reached of the bar."""
    rows = [
        {"variant": title, **{data: _mean_cell(one.scores.get(title)) for data, one in by_lag.items()}}
        for title in dict.fromkeys(title for one in by_lag.values() for title in one.scores)
    ]
    tests = [
        {"Tectum over": title, **{data: _test_cell(one.tests.get(title)) for data, one in by_lag.items()}}
        for title in dict.fromkeys(title for one in by_lag.values() for title in one.tests)
    ]
    lines = [*markdown(rows), *(["", *markdown(tests)] if tests else [])]
    return [*lines, "", *_drop(by_lag, bar)]


def _mean_cell(score: Score | None) -> str:
    return (
        "" if score is None else f"{100 * score.accuracy:.1f} ({span(score.interval)}; {len(score.accuracies)} seeds)"
    )


def _test_cell(test: PairedTest | None) -> str:
    if test is None:
        return ""
    return f"{_points(test):+.1f}" + ("" if test.p is None else f" (p = {p_value(test.p)})")


def _drop(by_lag: Mapping[str, Compared], bar: Bar) -> Iterator[str]:
    """Accuracy that each variant loses at the longest lag, seed by seed."""
    first, last = "lag-0", "lag-4"
    if bar.drop is None or first not in by_lag or last not in by_lag:
        return
    least = -bar.drop
    late = by_lag[last].accuracies
    for title, together in by_lag[first].accuracies.items():
        if lost := differences(late.get(title, {}), together):
            points = 100 * mean(lost)
            outcome = f", at least {least:+g}: {'reached' if points >= least else 'missed'}" if title == TECTUM else ""
            yield f"- {title}, lag 4 over lag 0: {points:+.1f} points{outcome}."


def energies(folders: Iterable[Path]) -> list[Energy]:
    """Records of the runs that were measured."""
    return [Energy.read(folder / ENERGY) for folder in folders if (folder / ENERGY).exists()]


def spikes(folders: Iterable[Path]) -> float | None:
    """Mean binary spikes of a clip, those of graded ones counted unfolded; None if no run was measured."""
    counts = [record.operations.spikes or 0.0 for record in energies(folders)]
    return mean(counts) if counts else None


def utd_table(runs: Runs, bar: Bar) -> list[str]:
    """Tectum, its rivals, its counterpart and its cheap forms, and what is reached of the bar."""
    found = compared(runs)
    counts = {title: spikes(folders) for title, folders in runs.items()}
    cells = {title: {"spikes a clip": "" if n is None else f"{n:,.0f}"} for title, n in counts.items()}
    lines = [*accuracy_table(found, cells), "", *reached(found, bar)]
    for most, least in bar.cheap.items():
        lines.append(f"- {cheap_verdict(found, runs, counts, most, least)}")
    return [*lines, *joint_layer(runs)]


def cheap_verdict(found: Compared, runs: Runs, counts: Mapping[str, float | None], most: int, least: float) -> str:
    """Verdict on the form of Tectum with at most that many spikes that was chosen on validation."""
    few = {title: n for title, n in counts.items() if title.startswith(TECTUM) and n and n <= most * LEEWAY}
    head = f"A form of at most {most:,} spikes a clip with at least {least:g} %"
    if not few:
        return f"{head}: missed, no form has so few."
    best = max(few, key=lambda title: validation(runs[title]))
    return f"{head}: {verdict(100 * found.scores[best].accuracy, least)}, {best} with {few[best]:,.0f} spikes."
