"""The end of a training: the kept epoch, validated and tested once, in `result.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from colliculus.files.documents import Document, as_document
from colliculus.records import Record, Table
from colliculus.records.console import accuracy, percent
from colliculus.runs.coordination import Coordination
from colliculus.runs.experiment import Select
from colliculus.runs.history import Row
from colliculus.runs.metrics import Metrics
from colliculus.runs.names import RESULT_FILE
from colliculus.types import ColliculusError

SELECTIONS: Mapping[Select, str] = {
    "best": "highest validation accuracy, of equal epochs the last",
    "macro-f1": "highest validation macro-F1, of equal epochs the last",
    "last": "the last epoch",
}
"""Rules by which an epoch is kept: the last of equals trained longest and at the lowest learning rate."""


REFIT = "the last epoch of a second training, on training and validation part, up to that kept in the first: "
"""Beginning of the rule after a refit; the rule of the first training follows."""


@dataclass(frozen=True, kw_only=True)
class PartDecision:
    """An optional part of the model, kept or left out by the evidence of the validation part.

    Example:
        >>> print(PartDecision.without_evidence("fusion.join.layer"))
        left out (no validation part)

    Args:
        name: name of the part.
        kept: True if the part helps: p is below 0.05.
        correct_with: samples recognised with the part.
        correct_without: samples recognised without it.
        total: samples.
        p: p-value of McNemar's exact test, one-sided.
        reason: reason of a decision without evidence, for which all counts are 0; "" where there was evidence.
    """

    name: str
    kept: bool
    correct_with: int
    correct_without: int
    total: int
    p: float
    reason: str = ""

    @classmethod
    def without_evidence(cls, name: str) -> Self:
        """The decision on a part where no samples were held out: it is left out."""
        reason = "no validation part"
        return cls(name=name, kept=False, correct_with=0, correct_without=0, total=0, p=1.0, reason=reason)

    def __str__(self) -> str:
        found = (
            self.reason
            or f"{self.correct_with} with it, {self.correct_without} without, of {self.total}; p = {self.p:.3g}"
        )
        return f"{'kept' if self.kept else 'left out'} ({found})"


@dataclass(frozen=True, kw_only=True)
class BestOnTest:
    """The epoch with the highest accuracy on the test part: what papers print that choose the epoch there.

    It is too high, since the test part chose it. Nothing of a training depends on it.

    Args:
        epoch: its number, from 1; of equal epochs the first.
        accuracy: its accuracy on the test part.
    """

    epoch: int
    accuracy: float

    def __str__(self) -> str:
        return f"{self.accuracy:.2%} in epoch {self.epoch}, chosen on the test part itself: not a result"


@dataclass(frozen=True, kw_only=True)
class TrainingResult(Record):
    """Figures of a finished training and everything that made them.

    Args:
        preset: name of the experiment.
        method: name of the method.
        dataset: name of the dataset.
        protocol: how the data were split.
        fingerprint: digest of the data.
        seed: seed of the training.
        epochs: number of epochs that were trained; after a refit, of the second training.
        best_epoch: number of the epoch whose weights were kept, from 1.
        selection: rule that chose it.
        parameters: number of parameters of the network, without optional parts that are left out.
        validation: figures of the kept epoch on the validation part, None without one; after a refit, figures of the
            first training, whose epoch need not be `best_epoch`.
        test: figures of the kept epoch on the test part, which was used only once.
        samples_per_second: training samples per second of all processes.
        world_size: number of processes.
        device: device of the training.
        versions: versions of colliculus, torch and Python.
        decisions: optional parts of the model, kept or left out by the validation part, or left out without one.
        start: weights that the training started from; "" where they were random.
        test_before_refit: after a refit, figures on the test part of the kept epoch of the first training, which the
            validation part chose; else None.
        best_on_test: see there; None unless `train.test_each_epoch` is set.
        coordination: when the modalities alone converge, by their validation accuracies (of the first training, if
            there are two); None for one modality, without a validation part, and where a model says nothing by one
            modality alone.
    """

    preset: str
    method: str
    dataset: str
    protocol: str
    fingerprint: str
    seed: int
    epochs: int
    best_epoch: int
    selection: str
    parameters: int
    validation: Metrics | None
    test: Metrics
    samples_per_second: float
    world_size: int
    device: str
    versions: Mapping[str, str]
    decisions: tuple[PartDecision, ...] = ()
    start: str = ""
    test_before_refit: Metrics | None = None
    best_on_test: BestOnTest | None = None
    coordination: Coordination | None = None

    @classmethod
    def from_dict(cls, plain: object) -> Self:
        """The inverse of `to_dict`; entries that a later version added are left out.

        Raises:
            ColliculusError: an entry is missing or has the wrong type.
        """
        known = _known(plain, cls)
        parts = ("validation", "test", "test_before_refit")
        figures = {part: _known(known[part], Metrics) for part in parts if known.get(part) is not None}
        return super().from_dict(known | figures)

    def table(self) -> Table:
        """The main figures; a note names classes that the test part does not cover."""
        tested = "test" if self.test_before_refit is None else "test, after the refit"
        parts = {"validation": self.validation, "test, before the refit": self.test_before_refit, tested: self.test}
        optional = {"best epoch on test": self.best_on_test, "convergence": self.coordination}
        rows = {
            "preset": self.preset,
            "data": f"{self.dataset}, {self.protocol}",
            **({"started from": self.start} if self.start else {}),
            **{name: accuracy(m.accuracy, m.interval, m.correct, m.total) for name, m in parts.items() if m},
            "macro-F1": ", ".join(f"{name} {percent(m.macro_f1)}" for name, m in parts.items() if m),
            "epochs": f"{self.epochs}, kept was {self.best_epoch}",
            "kept by": self.selection,
            **{part.name: str(part) for part in self.decisions},
            **{name: str(found) for name, found in optional.items() if found is not None},
            "parameters": f"{self.parameters:,}",
            "samples/s": f"{self.samples_per_second:,.0f}",
        }
        return Table.facts("Result", rows, self.test.notes("test"))


def _known(plain: object, kind: type[Any]) -> Document:
    document = as_document(plain)
    return {field.name: document[field.name] for field in fields(kind) if field.name in document}


def kept_epoch(history: Sequence[Row], select: Select) -> int:
    """Number of the epoch whose weights are kept, from 1, by the rule of `SELECTIONS`; without validation the last.

    Example:
        >>> history = [{"validation_accuracy": 0.9}, {"validation_accuracy": 0.9}, {"validation_accuracy": 0.5}]
        >>> kept_epoch(history, "best"), kept_epoch(history, "last"), kept_epoch([{"train_loss": 0.1}], "best")
        (2, 3, 1)
    """
    if select == "last" or not is_validated(history):
        return len(history)
    figure = "validation_macro_f1" if select == "macro-f1" else "validation_accuracy"
    return max(range(1, len(history) + 1), key=lambda number: (history[number - 1][figure], number))


def best_on_test(history: Sequence[Row]) -> BestOnTest | None:
    """The epoch with the highest accuracy on the test part; None for a training that was not tested in every epoch.

    Example:
        >>> best_on_test([{"epoch": 1, "test_accuracy": 0.5}, {"epoch": 2, "test_accuracy": 0.75}])
        BestOnTest(epoch=2, accuracy=0.75)
    """
    if not all("test_accuracy" in row for row in history):
        return None
    best = max(history, key=lambda row: row["test_accuracy"])
    return BestOnTest(epoch=round(best["epoch"]), accuracy=best["test_accuracy"])


def is_validated(history: Sequence[Row]) -> bool:
    """True for a training with a validation part."""
    return "validation_accuracy" in history[0]


def read_result(folder: Path) -> TrainingResult | None:
    """The result of a finished run; None when the run is not finished or the file is damaged."""
    try:
        return TrainingResult.read(folder / RESULT_FILE)
    except ColliculusError:
        return None
