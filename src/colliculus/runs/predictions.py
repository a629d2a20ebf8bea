"""What a model answered to every clip of a split, and the same as CSV and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.types import ColliculusError

COLUMNS = ("index", "label", "predicted")
PROBABILITY = "probability of "
"""Beginning of the column of each class."""


@dataclass(frozen=True)
class Predictions:
    """The answers to n clips, in the order of their split.

    Args:
        labels: (n,) true classes.
        predicted: (n,) classes with the highest logit.
        probabilities: (n, K) softmax of the logits, float32.
        names: K class names.

    Example:
        >>> shares = np.float32([[0.9, 0.1], [0.6, 0.4]])
        >>> found = Predictions(np.array([0, 1]), np.array([0, 0]), shares, ("cat", "dog"))
        >>> found.right.tolist()
        [True, False]
        >>> print(found.to_csv().splitlines()[0])
        index,label,predicted,probability of cat,probability of dog
    """

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) whether each clip was recognised."""
        return self.labels == self.predicted

    def to_csv(self) -> str:
        """A line for each clip: its row in the split, its true and its predicted class as numbers, a share per class.

        Nine digits bring a float32 back exactly.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*COLUMNS, *(PROBABILITY + name for name in self.names)])
        numbers = zip(self.labels.tolist(), self.predicted.tolist(), self.probabilities.tolist(), strict=True)
        for index, (label, predicted, shares) in enumerate(numbers):
            writer.writerow([index, label, predicted, *(f"{share:.9g}" for share in shares)])
        return text.getvalue()

    @classmethod
    def from_csv(cls, text: str) -> Predictions:
        """The inverse of `to_csv`.

        Raises:
            ColliculusError: the text is no such table: a column or a row is missing, or a cell is out of range.
        """
        header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
        names = tuple(column.removeprefix(PROBABILITY) for column in header[len(COLUMNS) :])
        if tuple(header[: len(COLUMNS)]) != COLUMNS or len(names) < 2:
            raise ColliculusError(f"predictions begin with the columns {', '.join(COLUMNS)} and one for each class")
        try:
            cells = np.array(rows, dtype=np.float64).reshape(len(rows), len(header))
        except ValueError as error:
            raise ColliculusError("a row of the predictions has too few cells, or one that is no number") from error
        return _checked(cells, names)


def _checked(cells: NDArray[np.float64], names: Sequence[str]) -> Predictions:
    index, classes, shares = cells[:, 0], cells[:, 1:3], cells[:, 3:]
    if not np.array_equal(index, np.arange(len(cells))):
        raise ColliculusError("the rows of the predictions are not all there, in order: write them anew")
    if not np.isin(classes, np.arange(len(names))).all():
        raise ColliculusError(f"a class of the predictions is no number from 0 to {len(names) - 1}: write them anew")
    if not (np.abs(shares.sum(axis=1) - 1) < 1e-3).all() or (shares < 0).any():
        raise ColliculusError("the shares of a row of the predictions do not sum to 1: write them anew")
    labels, predicted = classes.astype(np.int64).T
    return Predictions(labels, predicted, shares.astype(np.float32), tuple(names))
