"""Training and validation part together, for a training after the choices are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from colliculus.data.augment import AugmentedSplit
from colliculus.data.dataset import Dataset, Normalisation, RawSplit, Split
from colliculus.data.user_data import SplitRows
from colliculus.types import Batch, ColliculusError

_Rows = NDArray[np.int64]
SplitT = TypeVar("SplitT", bound=Split)


def together(dataset: Dataset) -> Dataset:
    """The dataset whose training part is training and validation together, augmented as training; none validates.

    The normalisation stays that of the training part alone.

    Example:
        >>> from colliculus.data.synthetic import Synthetic
        >>> whole = together(Synthetic(num_train=8, num_validation=6, num_test=6, size=8, steps=2).load())
        >>> len(whole.train), len(whole.validation), whole.train.batch(np.array([13, 0]), epoch=0).inputs["audio"].shape
        (14, 0, torch.Size([2, 2, 1, 8, 8]))
    """
    train, validation = dataset.train, dataset.validation
    if isinstance(train, AugmentedSplit):
        joined = replace(train, split=_joined(train.split, validation))
    else:
        joined = _joined(train, validation)
    return replace(dataset, train=joined, validation=SplitRows(validation, np.arange(0)))


def _joined(first: Split, second: Split) -> Split:
    if isinstance(first, RawSplit) and isinstance(second, RawSplit):
        return JoinedRawSplit(first, second)
    return JoinedSplit(first, second)


@dataclass(frozen=True, eq=False)
class JoinedSplit(Split):
    """The samples of two splits, one after another."""

    first: Split
    second: Split

    @property
    def labels(self) -> _Rows:
        """(n,) class indices."""
        return np.concatenate([self.first.labels, self.second.labels])

    def batch(self, indices: _Rows, *, epoch: int) -> Batch:
        """Samples at `indices`.

        Raises:
            ColliculusError: the labels of one split are soft and those of the other hard.
        """
        parts = [
            (split.batch(rows, epoch=epoch), places)
            for split, rows, places in _shared(self.first, self.second, indices)
        ]
        return _in_order(parts)


@dataclass(frozen=True, eq=False)
class JoinedRawSplit(RawSplit):
    """The samples of two raw splits of one dataset, one after another."""

    first: RawSplit
    second: RawSplit

    @property
    def normalisation(self) -> Normalisation:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the first split."""
        return self.first.normalisation

    @property
    def labels(self) -> _Rows:
        """(n,) class indices."""
        return np.concatenate([self.first.labels, self.second.labels])

    def values(self, indices: _Rows, *, epoch: int) -> dict[str, NDArray[np.generic]]:
        """Samples at `indices` as they are stored."""
        parts = [
            (split.values(rows, epoch=epoch), places)
            for split, rows, places in _shared(self.first, self.second, indices)
        ]
        order = np.argsort(np.concatenate([places for _, places in parts]))
        return {m: np.concatenate([values[m] for values, _ in parts])[order] for m in parts[0][0]}

    def inputs(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        """Stored values as inputs, by the first split: both are stored alike."""
        return self.first.inputs(values)

    def collate(self, inputs: Mapping[str, NDArray[np.generic]], indices: _Rows) -> Batch:
        """Standardised batch of the samples at `indices`."""
        return _in_order(
            [
                (split.collate({m: x[places] for m, x in inputs.items()}, rows), places)
                for split, rows, places in _shared(self.first, self.second, indices)
            ]
        )


def _shared(first: SplitT, second: SplitT, indices: _Rows) -> Iterator[tuple[SplitT, _Rows, _Rows]]:
    """Each split that has some of the samples, their rows in it, and their places in the batch."""
    count = len(first)
    for split, mine, start in ((first, indices < count, 0), (second, indices >= count, count)):
        if mine.any():
            yield split, indices[mine] - start, np.flatnonzero(mine)


def _in_order(parts: Sequence[tuple[Batch, _Rows]]) -> Batch:
    """One batch of the samples of several, each at its place."""
    if len({batch.labels.dim() for batch, _ in parts}) > 1:
        raise ColliculusError(
            "the labels of the training part are soft and those of the validation part are not, or the reverse: give"
            " both alike, or leave train.refit off"
        )
    order = torch.from_numpy(np.argsort(np.concatenate([places for _, places in parts])))
    inputs = {
        m: torch.cat([batch.inputs[m] for batch, _ in parts], dim=-4).index_select(-4, order)
        for m in parts[0][0].inputs
    }
    return Batch(inputs, torch.cat([batch.labels for batch, _ in parts])[order])
