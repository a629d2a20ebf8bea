"""Accuracy of a run: curves by epoch, confusions, and figures of every class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from colliculus.figures import Bars, BarSeries, Lines, Panel, Series, figure
from colliculus.report.material import Material
from colliculus.runs.history import Row
from colliculus.runs.metrics import wilson_interval
from colliculus.runs.result import TrainingResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASSES = 30
"""Classes of a confusion matrix or a chart that can be read; of more, the most frequent confusions are listed."""
PAIRS = 25
"""Confusions in the list."""


def curves(material: Material) -> Figure:
    """Accuracy, losses and reports of the modulation by epoch."""
    history = material.history
    kept = [(material.result.best_epoch, "epoch kept")] if material.result else []

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
    return text + (
        " A modality by itself predicts by its own head or its share of the logits, after an exchange if there is one."
        if alone
        else ""
    )


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


def _columns(history: Sequence[Row], beginning: str) -> list[str]:
    return [name for name in dict.fromkeys(n for row in history for n in row) if name.startswith(beginning)]


def _has(history: Sequence[Row], name: str) -> bool:
    return any(name in row for row in history)


def _series(history: Sequence[Row], column: str, name: str, factor: float) -> Series:
    values = [factor * row[column] if column in row else None for row in history]
    return Series(name=name.replace("_", " "), x=[row["epoch"] for row in history], y=values)
