"""History of the modalities in a training: each alone by epoch, and the reports of a balance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from colliculus.evaluation.exchange.modules import find_exchange
from colliculus.figures import Lines, Panel, Series
from colliculus.fusion import TemporalAttentionReadout
from colliculus.heads import RateReadout, ReadoutPerModality, SumOfReadouts
from colliculus.model import MultimodalSNN
from colliculus.records import Table
from colliculus.records.console import percent
from colliculus.runs.coordination import Coordination, coordination
from colliculus.runs.experiment import Select
from colliculus.runs.history import Row
from colliculus.runs.result import kept_epoch

JOINT, ALONE, MODULATION = "validation_accuracy", "validation_accuracy_", "modulation_"
"""Columns of `metrics.csv`; a name follows the last two."""

_WITH_HEADS = ReadoutPerModality, SumOfReadouts, TemporalAttentionReadout, RateReadout
"""Heads that may have a head of each modality's own."""

Curve = tuple[float | None, ...]
"""A number for each epoch; None where none was recorded."""


@dataclass(frozen=True, kw_only=True)
class ModalityCurves:
    """Validation accuracies and reports of a balance, by epoch.

    Args:
        epochs: numbers of the trained epochs, from 1.
        best_epoch: epoch whose model was kept; None where no epoch is recorded.
        accuracy: validation accuracy of all modalities together; None in every epoch without a validation part.
        accuracy_alone: the same of each modality by itself; empty for a single modality.
        own_heads: whether a modality alone predicts by its own head, and not by its part of the joint logits.
        balance: reports of the modulator, such as "coefficient_audio", mean over the steps of an epoch.
        coordination: when each modality converges; None for a single modality, and without a validation part.
        exchanged: whether the features of a modality have received from the others, so that it does not stand alone.
    """

    epochs: tuple[int, ...]
    best_epoch: int | None
    accuracy: Curve
    accuracy_alone: dict[str, Curve]
    own_heads: bool
    balance: dict[str, Curve]
    coordination: Coordination | None
    exchanged: bool = False

    @classmethod
    def of(cls, history: Sequence[Row], model: MultimodalSNN, select: Select) -> ModalityCurves:
        """The curves of a training: the rows of its `metrics.csv`, the trained model, and which epoch was kept."""
        columns = list(dict.fromkeys(name for row in history for name in row))
        alone = {m: _curve(history, ALONE + m) for m in model.modalities if ALONE + m in columns}
        epochs = tuple(int(row["epoch"]) for row in history)
        reported = [name for name in columns if name.startswith(MODULATION)]
        return cls(
            epochs=epochs,
            best_epoch=kept_epoch(history, select) if history else None,
            accuracy=_curve(history, JOINT),
            accuracy_alone=alone if len(alone) > 1 else {},
            own_heads=isinstance(model.head, _WITH_HEADS) and len(model.head.own) > 0,
            balance={name.removeprefix(MODULATION): _curve(history, name) for name in reported},
            coordination=coordination(epochs, alone),
            exchanged=(exchange := find_exchange(model)) is not None and bool(exchange.pairs),
        )

    def __bool__(self) -> bool:
        return bool(self.accuracy_alone or self.balance)

    @property
    def by_itself(self) -> str:
        """Words for a modality by itself: "alone", or "after the exchange" where it has received from the others."""
        return "after the exchange" if self.exchanged else "alone"

    @property
    def predicts_by(self) -> str:
        """How a modality by itself predicts, in words."""
        return "its own head" if self.own_heads else "its part of the joint logits"

    def table(self) -> Table:
        """The first, the kept and the last epoch; every curve is a column."""
        alone = {f"{m} {self.by_itself}": curve for m, curve in self.accuracy_alone.items()}
        balance = {name.replace("_", " "): curve for name, curve in self.balance.items()}
        rows: list[Sequence[str]] = []
        for number in sorted({self.epochs[0], self.best_epoch or self.epochs[0], self.epochs[-1]}):
            i = self.epochs.index(number)
            accuracies = (_shown(curve[i], percent) for curve in (self.accuracy, *alone.values()))
            factors = (_shown(curve[i], "{:.3f}".format) for curve in balance.values())
            rows.append((f"{number}{' (kept)' if number == self.best_epoch else ''}", *accuracies, *factors))
        by = f" ({self.by_itself}: by {self.predicts_by})" if alone else ""
        title = f"Validation accuracy{by}{' and balance' if balance else ''}"
        return Table.of(title, ("epoch", "together", *alone, *balance), rows)

    def panels(self, modalities: Sequence[str], num_classes: int) -> list[Panel]:
        """The accuracies and the reports of the balance over the epochs, as far as there are any."""
        found: list[Panel] = []
        kept = [] if self.best_epoch is None else [(float(self.best_epoch), "epoch kept")]
        if self.accuracy_alone:
            alone = [
                Series(name=f"{m} {self.by_itself}", x=self.epochs, y=_percent(curve), colour=1 + modalities.index(m))
                for m, curve in self.accuracy_alone.items()
            ]
            found.append(
                Lines(
                    series=[Series(name="together", x=self.epochs, y=_percent(self.accuracy), colour=0), *alone],
                    title=f"validation accuracy, % ({self.by_itself}: by {self.predicts_by})",
                    xlabel="epoch",
                    low=0,
                    high=100,
                    levels=[(100 / num_classes, "chance")],
                    marks=kept,
                    whole=True,
                )
            )
        if self.balance:
            series = _balance_series(self.epochs, self.balance, modalities)
            title = "reports of the balance, mean over an epoch"
            found.append(Lines(series=series, title=title, xlabel="epoch", marks=kept, whole=True))
        return found


def _balance_series(epochs: Sequence[int], balance: Mapping[str, Curve], modalities: Sequence[str]) -> list[Series]:
    """A colour for each modality; where a balance reports several numbers of each, a dash for each number."""
    series: list[Series] = []
    kinds: dict[str, int] = {}
    for name, curve in balance.items():
        owner = next((m for m in modalities if name.endswith(f"_{m}")), None)
        dash = kinds.setdefault(name.removesuffix(f"_{owner}"), len(kinds))
        colour = 0 if owner is None else 1 + modalities.index(owner)
        series.append(Series(name=name.replace("_", " "), x=epochs, y=curve, colour=colour, dash=dash))
    return series


def _curve(history: Sequence[Row], column: str) -> Curve:
    values = (row.get(column) for row in history)
    return tuple(x if x is not None and isfinite(x) else None for x in values)


def _percent(curve: Curve) -> Curve:
    return tuple(None if value is None else 100 * value for value in curve)


def _shown(value: float | None, text: Callable[[float], str]) -> str:
    return "-" if value is None else text(value)
