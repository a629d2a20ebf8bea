"""How the modalities of a run fared, and what it has learned of time: gathered, as tables and as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from colliculus.records import console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from colliculus.evaluation.time_alignment import AlignmentMatrix
    from colliculus.evaluation.time_weights import TimeWeights
    from colliculus.model import MultimodalSNN
    from colliculus.runs.history import Row
    from colliculus.types import Batch

JOINT, ALONE, MODULATION = "validation_accuracy", "validation_accuracy_", "modulation_"
"""Columns of `metrics.csv`, the last two continued by a name."""

Curve = tuple[float | None, ...]
"""A number for each epoch; None where none was recorded."""


@dataclass(frozen=True, kw_only=True)
class BalanceReport:
    """What a run tells of its modalities; whatever it does not have is empty.

    Args:
        classes: K names.
        modalities: of the model, in order.
        epochs: numbers of the epochs trained, from 1.
        best_epoch: the one whose model was kept; None where no epoch is recorded.
        accuracy: of the joint decision on the validation part.
        accuracy_alone: the same of each modality alone; empty where there are not several to compare.
        own_heads: whether a modality alone answers by its own head, and not by its share of the joint logits.
        balance: what the modulator reported, such as "coefficient_audio", mean over the steps of an epoch.
        time_weights: the temporal attention scores of each stream.
        alignments: how the steps of each modality are brought to the common ones.
    """

    classes: tuple[str, ...]
    modalities: tuple[str, ...]
    epochs: tuple[int, ...]
    best_epoch: int | None
    accuracy: Curve
    accuracy_alone: dict[str, Curve]
    own_heads: bool
    balance: dict[str, Curve]
    time_weights: dict[str, TimeWeights]
    alignments: dict[str, AlignmentMatrix]

    def __bool__(self) -> bool:
        return bool(self.accuracy_alone or self.balance or self.time_weights or self.alignments)

    def record(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return asdict(self)


def gather(history: Sequence[Row], model: MultimodalSNN, batch: Batch) -> BalanceReport:
    """Read the history of a run, and measure its model.

    Args:
        history: figures of each epoch by column of `metrics.csv`.
        model: the trained model.
        batch: validation samples on the model's device.
    """
    from colliculus.evaluation.time_alignment import alignment_matrices
    from colliculus.evaluation.time_weights import measure_time_weights
    from colliculus.fusion import TemporalAttentionReadout
    from colliculus.heads import ReadoutPerModality
    from colliculus.runs.result import best_epoch

    columns = list(dict.fromkeys(name for row in history for name in row))
    alone = {m: _curve(history, ALONE + m) for m in model.modalities if ALONE + m in columns}
    reported = [name for name in columns if name.startswith(MODULATION)]
    return BalanceReport(
        classes=model.spec.names,
        modalities=model.modalities,
        epochs=tuple(int(row["epoch"]) for row in history),
        best_epoch=best_epoch(history) if history else None,
        accuracy=_curve(history, JOINT),
        accuracy_alone=alone if len(alone) > 1 else {},
        own_heads=isinstance(model.head, ReadoutPerModality | TemporalAttentionReadout),
        balance={name.removeprefix(MODULATION): _curve(history, name) for name in reported},
        time_weights=measure_time_weights(model, [batch]),
        alignments=alignment_matrices(model),
    )


def tables(report: BalanceReport) -> tuple[RenderableType, ...]:
    """The epochs that matter, the mean score of every step, and the alignments, as far as there are any."""
    makers: list[tuple[Mapping[str, object], Callable[[BalanceReport], RenderableType]]] = [
        (report.accuracy_alone or report.balance, _epochs),
        (report.time_weights, _time_weights),
        (report.alignments, _alignments),
    ]
    return tuple(make(report) for there, make in makers if there)


def _epochs(report: BalanceReport) -> RenderableType:
    """The first, the kept and the last epoch; every curve of the picture is a column."""
    alone = {f"{m} alone": curve for m, curve in report.accuracy_alone.items()}
    balance = {name.replace("_", " "): curve for name, curve in report.balance.items()}
    table = console.plain_table()
    for heading in ("epoch", "together", *alone, *balance):
        table.add_column(heading, justify="right")
    for number in sorted({report.epochs[0], report.best_epoch or report.epochs[0], report.epochs[-1]}):
        i = report.epochs.index(number)
        accuracies = (_shown(curve[i], console.percent) for curve in (report.accuracy, *alone.values()))
        factors = (_shown(curve[i], "{:.3f}".format) for curve in balance.values())
        table.add_row(f"{number}{' (kept)' if number == report.best_epoch else ''}", *accuracies, *factors)
    whose = f" (alone: by {alone_by(report)})" if alone else ""
    return console.titled(f"Validation accuracy{whose}{' and balance' if balance else ''}", table)


def alone_by(report: BalanceReport) -> str:
    """By what a modality alone answers."""
    return "its own head" if report.own_heads else "its share of the joint logits"


def _time_weights(report: BalanceReport) -> RenderableType:
    table = console.plain_table()
    table.add_column("stream", style="cyan")
    table.add_column("% of each step", justify="right")
    table.add_column("differs by class, points", justify="right")
    for stream, weights in report.time_weights.items():
        spread = 100 * _spread([row for row in weights.by_class if row is not None])
        table.add_row(stream, " ".join(f"{100 * x:.1f}" for x in weights.mean), f"{spread:.1f}")
    steps = len(next(iter(report.time_weights.values())).mean)
    return console.titled(f"Temporal attention scores (all steps alike: {100 / steps:.1f} % each)", table)


def _spread(rows: Sequence[Sequence[float]]) -> float:
    """The largest difference between two classes at one step."""
    return max(max(step) - min(step) for step in zip(*rows, strict=True))


def _alignments(report: BalanceReport) -> RenderableType:
    """What only a warp or only a convolution has gets its column where there is one."""
    found = report.alignments.values()
    table = console.plain_table()
    table.add_column("modality", style="cyan")
    columns = {
        "kind": [one.kind for one in found],
        "steps": [f"{len(one.matrix[0])} to {len(one.matrix)}" for one in found],
        "moved by": [f"{one.moved:.3f}" for one in found],
        "looks at step": [" ".join(f"{1 + g:.2f}" for g in one.positions or ()) for one in found],
        "mix": [_shown(one.mix, "{:.3f}".format, nothing="") for one in found],
    }
    columns = {heading: cells for heading, cells in columns.items() if any(cells)}
    for heading in columns:
        table.add_column(heading, justify="right")
    for modality, *cells in zip(report.alignments, *columns.values(), strict=True):
        table.add_row(modality, *cells)
    return console.titled("Time alignment (moved: largest change of a weight from linear interpolation)", table)


def _curve(history: Sequence[Row], column: str) -> Curve:
    values = (row.get(column) for row in history)
    return tuple(x if x is not None and isfinite(x) else None for x in values)


def _shown(value: float | None, text: Callable[[float], str], nothing: str = "-") -> str:
    return nothing if value is None else text(value)
