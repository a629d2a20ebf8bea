"""The end of a training: the best epoch, validated and tested once, in `result.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from colliculus.files.documents import Document, as_document
from colliculus.records import Record, Table
from colliculus.records.console import accuracy
from colliculus.runs.history import Row
from colliculus.runs.metrics import Metrics
from colliculus.runs.run import RESULT_FILE
from colliculus.types import ColliculusError

SELECTION = "highest validation accuracy, of equal epochs the last"
"""Rule by which the best epoch is chosen: the last of equals trained longest and at the lowest learning rate."""


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
        epochs: number of epochs.
        best_epoch: number of the epoch whose weights were kept, from 1.
        selection: rule that chose it.
        parameters: number of trained parameters.
        validation: figures of the best epoch on the validation part.
        test: figures of the best epoch on the test part, which was used only once.
        samples_per_second: training samples per second of all processes.
        world_size: number of processes.
        device: device of the training.
        versions: versions of colliculus, torch and Python.
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
    validation: Metrics
    test: Metrics
    samples_per_second: float
    world_size: int
    device: str
    versions: Mapping[str, str]

    @classmethod
    def from_dict(cls, plain: object) -> Self:
        """The inverse of `to_dict`; entries that a later version added are left out.

        Raises:
            ColliculusError: an entry is missing or has the wrong type.
        """
        known = _known(plain, cls)
        figures = {part: _known(known[part], Metrics) for part in ("validation", "test") if part in known}
        return super().from_dict(known | figures)

    def table(self) -> Table:
        """The main figures; a note names classes that the test part does not cover."""
        parts = {"validation": self.validation, "test": self.test}
        rows = {
            "preset": self.preset,
            "data": f"{self.dataset}, {self.protocol}",
            **{name: accuracy(m.accuracy, m.interval, m.correct, m.total) for name, m in parts.items()},
            "epochs": f"{self.epochs}, the best was {self.best_epoch}",
            "parameters": f"{self.parameters:,}",
            "samples/s": f"{self.samples_per_second:,.0f}",
        }
        return Table.facts("Result", rows, self.test.notes("test"))


def _known(plain: object, kind: type[Any]) -> Document:
    document = as_document(plain)
    return {field.name: document[field.name] for field in fields(kind) if field.name in document}


def best_epoch(history: Sequence[Row]) -> int:
    """Number of the epoch whose weights are kept, from 1, by the rule of `SELECTION`.

    Example:
        >>> best_epoch([{"validation_accuracy": 0.9}, {"validation_accuracy": 0.9}, {"validation_accuracy": 0.5}])
        2
    """
    return max(range(1, len(history) + 1), key=lambda number: (history[number - 1]["validation_accuracy"], number))


def read_result(folder: Path) -> TrainingResult | None:
    """The result of a finished run; None when the run is not finished or the file is damaged."""
    try:
        return TrainingResult.read(folder / RESULT_FILE)
    except ColliculusError:
        return None
