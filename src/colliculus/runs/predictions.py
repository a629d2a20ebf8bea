"""Predictions of a model on the clips of a split, and the same as CSV and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.sample import Sample
from colliculus.files.tables import csv_bytes
from colliculus.types import ColliculusError

COLUMNS = ("index", "label", "predicted")
CLIP, FILES, CLASS, PREDICTED_CLASS = "clip", "files", "class", "predicted class"
START, END = "start", "end"
"""Columns of the seconds at which clips begin and end in their files."""
BY = "predicted by "
"""Prefix of the column of each modality: the class that its own head, or its share of the logits, predicts."""
FILE_BREAK = " | "
"""Text between the files of a clip."""
PROBABILITY = "probability of "
"""Prefix of the column of each class."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions for n clips, in the order of their split.

    Args:
        labels: (n,) true classes.
        predicted: (n,) classes with the highest logit.
        probabilities: (n, K) softmax of the logits, float32.
        names: K class names.
        modality_predicted: (n,) classes predicted by each modality alone, by its own head or, without one, by its share
            of the logits. Empty where a model has neither, and in predictions read from CSV.
        losses: mean cross-entropy of the predictions under the name "", and of those of each modality alone; empty in
            predictions read from CSV.

    Example:
        >>> probabilities = np.float32([[0.9, 0.1], [0.6, 0.4]])
        >>> found = Predictions(np.array([0, 1]), np.array([0, 0]), probabilities, ("cat", "dog"))
        >>> found.correct.tolist(), found.true_probability.round(1).tolist()
        ([True, False], [0.9, 0.4])
        >>> print(found.to_csv().splitlines()[0])
        index,label,predicted,class,predicted class,probability of cat,probability of dog
    """

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    names: tuple[str, ...]
    modality_predicted: Mapping[str, NDArray[np.int64]] = field(default_factory=dict[str, NDArray[np.int64]])
    losses: Mapping[str, float] = field(default_factory=dict[str, float])

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(n,) True where the prediction is correct."""
        return self.labels == self.predicted

    @property
    def true_probability(self) -> NDArray[np.float64]:
        """(n,) probability of the true class."""
        return self.probabilities[np.arange(len(self)), self.labels].astype(np.float64)

    def to_csv(self, samples: Sequence[Sample] = ()) -> str:
        """A line per clip, for programs and for readers.

        It holds the row in the split, true and predicted class as numbers; name and files of the clip, where they are
        known; the names of both classes and of that which each modality predicts; and a probability per class,
        with nine digits, which restore a float32 exactly.

        Args:
            samples: the clips; empty: they have no names.
        """
        words = {CLASS: self.labels, PREDICTED_CLASS: self.predicted}
        words |= {BY + m: own for m, own in self.modality_predicted.items()}
        named = {name: [self.names[k] for k in classes] for name, classes in words.items()}
        if samples:
            named = {
                CLIP: [sample.name for sample in samples],
                FILES: [FILE_BREAK.join(dict.fromkeys(sample.files.values())) for sample in samples],
                **_spans(samples),
                **named,
            }
        numbers = zip(self.labels.tolist(), self.predicted.tolist(), self.probabilities.tolist(), strict=True)
        rows = (
            [index, label, predicted, *texts, *(f"{p:.9g}" for p in probabilities)]
            for index, ((label, predicted, probabilities), texts) in enumerate(
                zip(numbers, zip(*named.values(), strict=True), strict=True)
            )
        )
        return csv_bytes([*COLUMNS, *named, *(PROBABILITY + name for name in self.names)], rows).decode()

    @classmethod
    def from_csv(cls, text: str) -> Predictions:
        """The inverse of `to_csv`, without the columns for readers, which files of earlier versions do not have.

        Raises:
            ColliculusError: the text is not such a table: a column or a row is missing, or a cell is out of range.
        """
        header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
        first = next((at for at, column in enumerate(header) if column.startswith(PROBABILITY)), len(header))
        names = tuple(column.removeprefix(PROBABILITY) for column in header[first:])
        if tuple(header[: len(COLUMNS)]) != COLUMNS or len(names) < 2:
            raise ColliculusError(f"predictions begin with the columns {', '.join(COLUMNS)} and one for each class")
        try:
            numbers = [[*row[: len(COLUMNS)], *row[first:]] for row in rows]
            cells = np.array(numbers, dtype=np.float64).reshape(len(rows), len(COLUMNS) + len(names))
        except ValueError as error:
            raise ColliculusError("a row of the predictions is too short or has a cell that is not a number") from error
        return _checked(cells, names)


def _spans(samples: Sequence[Sample]) -> dict[str, list[str]]:
    """Start and end of each clip in its files, where any of them has one."""
    times = {START: [sample.start_s for sample in samples], END: [sample.end_s for sample in samples]}
    return {
        name: ["" if second is None else repr(float(second)) for second in seconds]
        for name, seconds in times.items()
        if any(second is not None for second in seconds)
    }


def _checked(cells: NDArray[np.float64], names: Sequence[str]) -> Predictions:
    index, classes, probabilities = cells[:, 0], cells[:, 1:3], cells[:, 3:]
    if not np.array_equal(index, np.arange(len(cells))):
        raise ColliculusError("rows of the predictions are missing or out of order: write them again")
    if not np.isin(classes, np.arange(len(names))).all():
        raise ColliculusError(
            f"a class of the predictions is not a number from 0 to {len(names) - 1}: write them again"
        )
    if not (np.abs(probabilities.sum(axis=1) - 1) < 1e-3).all() or (probabilities < 0).any():
        raise ColliculusError("the probabilities of a prediction do not sum to 1: write the predictions again")
    labels, predicted = classes.astype(np.int64).T
    return Predictions(labels, predicted, probabilities.astype(np.float32), tuple(names))
