"""How well a run does: its curves, its confusions, and every class with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from colliculus.report.charts import Axes, Series, bar, heat, lines
from colliculus.report.folder import Material
from colliculus.report.markup import Html, interval, join, note, percent, table, tag, titled_table
from colliculus.report.setting import untested
from colliculus.runs.history import Row
from colliculus.runs.metrics import ClassMetrics, wilson_interval

MOST_CLASSES = 30
"""Of a confusion matrix that can be read; of more, the most frequent confusions are listed."""
LISTED = 25

ACCURACY, LOSS = ("train_accuracy", "validation_accuracy"), ("train_loss", "train_task")


def curves(material: Material) -> Html:
    """Accuracy, losses and what else was recorded, by epoch."""
    history = material.history
    if not history:
        return note("No epoch is recorded: metrics.csv is not there.")
    chance = (100 / len(material.run.spec.names), "chance")
    alone = [name for m in material.run.spec.modalities if _has(history, name := f"validation_accuracy_{m}")]
    named = {name: name.replace("_accuracy", "").replace("_", ", ") for name in (*ACCURACY, *alone)}
    accuracy = [_series(history, name, text, 100) for name, text in named.items() if _has(history, name)]
    shares = Axes(title="Accuracy by epoch", across="epoch", up="accuracy, %", low=0, high=100, level=chance)
    terms = [n for n in _columns(history, "train_") if not n.startswith("train_accuracy")]
    losses = [_series(history, name, name.removeprefix("train_").replace("_", " "), 1) for name in terms]
    down = Axes(title="Training loss by epoch", across="epoch", up="loss", low=0)
    kept = f" The model of epoch {material.result.best_epoch} was kept." if material.result else ""
    alone_text = " A modality alone answers by its own head, or by its share of the joint answer." if alone else ""
    parts = [
        lines(shares, accuracy, f"Accuracy in training and on the validation part.{kept}{alone_text}"),
        lines(down, losses, "Training loss, and the terms it is the sum of."),
    ]
    if balance := _columns(history, "modulation_"):
        told = [_series(history, name, name.removeprefix("modulation_").replace("_", " "), 1) for name in balance]
        axes = Axes(title="What the balance reported, by epoch", across="epoch", up="mean over an epoch", low=0)
        parts.append(lines(axes, told, "What kept the modalities in balance."))
    return tag("div", *parts, attributes={"class": "grid"})


def confusions(material: Material) -> Html:
    """Which class was taken for which."""
    if material.result is None:
        return note(untested(material))
    names, matrix = material.run.spec.names, material.result.test.confusion
    return _matrix(names, matrix) if len(names) <= MOST_CLASSES else _pairs(names, matrix)


def classes(material: Material) -> Html:
    """Recall with its Wilson interval, precision and F1 of every class."""
    if material.result is None:
        return note(untested(material))
    test = material.result.test
    rows = [_class(one, test.confusion[k][k]) for k, one in enumerate(test.per_class)]
    header = ["class", "clips", "recall, %", "95 % interval", "precision, %", "F1, %"]
    return join(
        table("Every class on the test part", header, rows),
        note("Intervals are Wilson's, of each class by itself. Recall: share of the class that was recognised."),
    )


def _class(one: ClassMetrics, right: int) -> list[str]:
    bounds = wilson_interval(right, one.total) if one.total else None
    recall = bar(one.recall, bounds, f"{100 * one.recall:.1f}") if bounds else "-"
    shares = (f"{100 * getattr(one, name):.1f}" if bounds else "-" for name in ("precision", "f1"))
    return [one.name, f"{one.total:,}", recall, interval(bounds) if bounds else "-", *shares]


def _matrix(names: Sequence[str], matrix: Sequence[Sequence[int]]) -> Html:
    head = [tag("th", name, attributes={"scope": "col"}) for name in ("true class", *names)]
    rows: list[Html] = []
    for i, counts in enumerate(matrix):
        total = max(sum(counts), 1)
        cells = [
            heat(count / total, str(count) if count else "", kind="heat diagonal" if i == j else "heat")
            for j, count in enumerate(counts)
        ]
        rows.append(tag("tr", tag("th", names[i], attributes={"scope": "row"}), *cells))
    caption = "Confusion matrix of the test part: a row is a true class, a column what it was taken for"
    return titled_table(caption, tag("thead", tag("tr", *head)), tag("tbody", *rows), kind="matrix")


def _pairs(names: Sequence[str], matrix: Sequence[Sequence[int]]) -> Html:
    pairs = [(n, i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j and n]
    rows = [
        [names[i], names[j], str(n), percent(n / sum(matrix[i]))]
        for n, i, j in sorted(pairs, key=lambda pair: -pair[0])[:LISTED]
    ]
    caption = f"The {len(rows)} most frequent of {len(pairs):,} kinds of confusion on the test part"
    return table(caption, ["class", "taken for", "times", "of the class"], rows)


def _columns(history: Sequence[Row], beginning: str) -> list[str]:
    return [name for name in dict.fromkeys(n for row in history for n in row) if name.startswith(beginning)]


def _has(history: Sequence[Row], name: str) -> bool:
    return any(name in row for row in history)


def _series(history: Sequence[Row], column: str, name: str, factor: float) -> Series:
    points = [(row["epoch"], factor * row[column] if column in row else None) for row in history]
    return Series(name, points)
