"""Accuracy of a run: curves by epoch, confusions, and figures of every class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from colliculus.figures import Bars, BarSeries, Lines, Panel, Series, figure
from colliculus.records import Column, Table
from colliculus.report.material import Material
from colliculus.runs.history import Row
from colliculus.runs.metrics import ClassMetrics, wilson_interval
from colliculus.runs.result import TrainingResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASSES = 30
"""Classes of a confusion matrix or a chart that can be read; of more, the most frequent confusions are listed."""
PAIRS = 25


def curves(material: Material) -> Figure:
    """Accuracy, losses and reports of the modulation by epoch."""
    history = material.history
    kept = [(material.result.best_epoch, "best epoch")] if material.result else []

    def panel(names: Sequence[str], title: str, ylabel: str, prefix: str, factor: float = 1) -> Lines:
        series = [_series(history, name, name.removeprefix(prefix), factor) for name in names]
        return Lines(series=series, title=title, xlabel="epoch", ylabel=ylabel, low=0, marks=kept, whole=True)

    alone = [f"validation_accuracy_{m}" for m in material.run.spec.modalities]
    shares = [name for name in ("train_accuracy", "validation_accuracy", *alone) if _has(history, name)]
    accuracy = [_series(history, name, name.replace("_accuracy", ""), 100) for name in shares]
    chance = [(100 / len(material.names), "chance")]
    panels: list[Panel] = [
        Lines(
            series=accuracy,
            title="Accuracy",
            xlabel="epoch",
            ylabel="accuracy, %",
            low=0,
            high=100,
            levels=chance,
            marks=kept,
            whole=True,
        )
    ]
    losses = [name for name in _columns(history, "train_") if not name.startswith("train_accuracy")]
    panels.append(panel(losses, "Training loss", "loss", "train_"))
    if balance := _columns(history, "modulation_"):
        panels.append(panel(balance, "Report of the modulation", "mean over an epoch", "modulation_"))
    return figure(*([one] for one in panels))


def curve_notes(material: Material) -> str:
    """How to read the curves."""
    alone = any(_has(material.history, f"validation_accuracy_{m}") for m in material.run.spec.modalities)
    text = "The loss is the sum of its terms."
    return text + (" A modality alone predicts by its own head, or by its share of the logits." if alone else "")


def recall(result: TrainingResult) -> Figure | None:
    """Recall of every class with its interval; None where there are too many classes."""
    tested = [one for one in result.test.per_class if one.total]
    if len(tested) > CLASSES:
        return None
    bounds = [[100 * bound for bound in wilson_interval(round(one.recall * one.total), one.total)] for one in tested]
    bars = BarSeries(
        values=[100 * one.recall for one in tested],
        low=[low for low, _ in bounds],
        high=[high for _, high in bounds],
        labels=[f"{100 * one.recall:.1f}" for one in tested],
    )
    names = [one.name for one in tested]
    xlabel = "recall, % (line: 95 % interval)"
    return figure([Bars(names=names, series=[bars], title="Recall of each class", xlabel=xlabel, low=0, high=115)])


def classes(result: TrainingResult) -> Table:
    """Recall, precision and F1 of every class."""
    headings = ("clips", "recall, %", "95 % interval", "precision, %", "F1, %")
    columns = (Column("class"), *(Column(heading, "right") for heading in headings))
    rows = [_class(one, result.test.confusion[k][k]) for k, one in enumerate(result.test.per_class)]
    note = "Recall: share of the class that was recognised. Intervals are Wilson's, for each class by itself."
    return Table(columns, rows, "Classes of the test part", (note,))


def _class(one: ClassMetrics, correct: int) -> Sequence[str]:
    if not one.total:
        return one.name, "0", *["-"] * 4
    low, high = wilson_interval(correct, one.total)
    interval = f"{100 * low:.1f} to {100 * high:.1f}"
    shares = (f"{100 * share:.1f}" for share in (one.precision, one.f1))
    return one.name, f"{one.total:,}", f"{100 * one.recall:.1f}", interval, *shares


def confused_pairs(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Table:
    """The most frequent confusions."""
    pairs = [(n, i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if i != j and n]
    rows = [
        (names[i], names[j], str(n), f"{100 * n / sum(counts[i]):.1f}")
        for n, i, j in sorted(pairs, key=lambda pair: -pair[0])[:PAIRS]
    ]
    columns = (
        Column("true class"),
        Column("predicted class"),
        Column("clips", "right"),
        Column("of the class, %", "right"),
    )
    return Table(columns, rows, f"The {len(rows)} most frequent of {len(pairs):,} kinds of confusion on the test part")


def _columns(history: Sequence[Row], beginning: str) -> list[str]:
    return [name for name in dict.fromkeys(n for row in history for n in row) if name.startswith(beginning)]


def _has(history: Sequence[Row], name: str) -> bool:
    return any(name in row for row in history)


def _series(history: Sequence[Row], column: str, name: str, factor: float) -> Series:
    values = [factor * row[column] if column in row else None for row in history]
    return Series(name=name.replace("_", " "), x=[row["epoch"] for row in history], y=values)
