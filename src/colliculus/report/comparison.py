"""Several runs beside each other, and which differences are more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import join as command_line

from colliculus.evaluation.comparison import Comparison, compare
from colliculus.evaluation.paired import PairedTest
from colliculus.evaluation.verdict import verdict
from colliculus.report.charts import bar
from colliculus.report.energy import COMPARED_AT, clip_energy
from colliculus.report.figures import column
from colliculus.report.folder import Material
from colliculus.report.markup import Html, command, interval, join, note, table, tag
from colliculus.report.robustness import noise_area
from colliculus.runs.kept_predictions import Condition
from colliculus.types import ColliculusError


def comparison(materials: Sequence[Material]) -> Html:
    """A row for each run, a row for each method over its seeds, and the paired tests against the first."""
    parts = [_runs(materials)]
    finished = [m.folder for m in materials if m.result is not None]
    if len(finished) < 2:
        return join(*parts, note("Fewer than two of these runs were trained to their end: there is nothing to test."))
    try:
        found = compare(finished, device=None)
        parts.append(_methods(found))
        if found.tests:
            parts.append(tag("ul", *map(_verdict, found.tests)))
    except ColliculusError as error:
        parts.append(note(f"No paired tests: {error}"))
    return join(*parts, command(command_line(["colliculus", "compare", *map(str, finished)])))


def _runs(materials: Sequence[Material]) -> Html:
    measured = [
        column(f"energy of a clip at {COMPARED_AT}", "uJ", "energy", materials, clip_energy),
        column("area under white noise", "%", "robustness", materials, noise_area),
    ]
    shown = [one for one in measured if one.heading]
    header = ["run", "preset", "seed", "accuracy, %", "95 % interval", "macro-F1, %", "parameters", "clips/s"]
    rows = [[m.name, m.run.preset, *_figures(m), *(one.cells[i] for one in shown)] for i, m in enumerate(materials)]
    under = Condition.of(materials[0].run).describe()
    caption = f"Runs, on the same test clips, {under}"
    return join(table(caption, [*header, *(one.heading for one in shown)], rows), *(one.remark for one in measured))


def _figures(material: Material) -> list[str]:
    """From the seed to the speed."""
    if material.imported:
        return ["-", "imported", *["-"] * 4]
    seed = str(material.run.experiment.train.seed)
    if material.result is None:
        return [seed, "not finished", *["-"] * 4]
    test = material.result.test
    bounds = test.interval
    return [
        seed,
        bar(test.accuracy, bounds, f"{100 * test.accuracy:.1f}"),
        interval(bounds),
        f"{100 * test.macro_f1:.1f}",
        f"{material.result.parameters:,}",
        f"{material.result.samples_per_second:,.0f}",
    ]


def _methods(found: Comparison) -> Html:
    """Mean, interval and range of each method."""
    rows: list[list[str]] = []
    for name, score in found.scores.items():
        shown = bar(score.accuracy, score.interval, f"{100 * score.accuracy:.1f}")
        over = " (clips)" if score.deviation is None else ""
        rows.append(
            [
                name,
                str(len(score.accuracies)),
                shown,
                f"{interval(score.interval)}{over}",
                interval((min(score.accuracies), max(score.accuracies))),
            ]
        )
    header = ["method", "trainings", "accuracy, %", "95 % interval over seeds", "lowest to highest"]
    return table("Methods over their seeds", header, rows)


def _verdict(one: PairedTest) -> Html:
    return tag("li", tag("strong", "Shown: ") if one.is_shown else "", verdict(one))
