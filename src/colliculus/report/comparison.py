"""Several runs beside each other, and which differences are more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import join as command_line

import numpy as np
from numpy.typing import NDArray

from colliculus.evaluation.comparison import Comparison, Training, Trainings, compare_all
from colliculus.evaluation.groups import Finished, Group, group_runs
from colliculus.evaluation.score import Score
from colliculus.evaluation.verdict import is_shown, verdict
from colliculus.report.charts import bar
from colliculus.report.energy import COMPARED_AT, clip_energy
from colliculus.report.figures import column
from colliculus.report.folder import Material
from colliculus.report.markup import Html, command, interval, join, note, table, tag
from colliculus.report.robustness import noise_area
from colliculus.runs.kept_predictions import Condition, read_predictions
from colliculus.types import ColliculusError


def comparison(materials: Sequence[Material]) -> Html:
    """A row for each run, a row for each method over its seeds, and the paired tests against the first."""
    parts = [_runs(materials)]
    finished = [Finished(m.folder, m.run, m.result) for m in materials if m.result is not None]
    if len(finished) < 2:
        return join(*parts, note("Fewer than two of these runs were trained to their end: there is nothing to test."))
    try:
        groups = group_runs(finished)
        methods = _answers(groups)
        if len(groups) > 1:
            tested = compare_all(methods, groups[0].name)
            parts += [_methods(methods), tag("ul", *(_verdict(c) for c in tested))]
        else:
            parts.append(_methods(methods))
    except ColliculusError as error:
        parts.append(note(f"No paired tests: {error}"))
    folders = [str(one.folder) for one in finished]
    return join(*parts, command(command_line(["colliculus", "compare", *folders])))


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
    test = material.result["test"]
    bounds = tuple(test["interval"])
    return [
        seed,
        bar(test["accuracy"], bounds, f"{100 * test['accuracy']:.1f}"),
        interval(bounds),
        f"{100 * test['macro_f1']:.1f}",
        f"{material.result['parameters']:,}",
        f"{material.result['samples_per_second']:,.0f}",
    ]


Answers = Mapping[str, Trainings]
"""Of each method by name and each of its trainings: whether each test clip was recognised."""


def _answers(groups: Sequence[Group]) -> Answers:
    """The answers that the runs keep.

    Raises:
        ColliculusError: one keeps none that are of its model.
    """
    found: dict[str, dict[Training, NDArray[np.bool_]]] = {}
    for group in groups:
        kept = found[group.name] = {}
        for training, member in group.members.items():
            predictions = read_predictions(member.folder, member.run, Condition.of(member.run))
            if predictions is None:
                raise ColliculusError(
                    f"{member.folder} keeps no answers to its test clips: the command line below makes them"
                )
            kept[training] = predictions.correct
    return found


def _methods(methods: Answers) -> Html:
    """Mean, interval and range of each method, as `colliculus compare` reckons them."""
    rows: list[list[str]] = []
    for name, trainings in methods.items():
        score = Score.of(trainings)
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


def _verdict(one: Comparison) -> Html:
    return tag("li", tag("strong", "Shown: ") if is_shown(one) else "", verdict(one))
