"""Mean and standard deviation per channel of data that may not fit in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from math import prod
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from colliculus.data.dataset import Normalisation
from colliculus.data.loading import RowArray, ToInput
from colliculus.types import ColliculusError

_ROWS, _VALUES = 256, 2**22  # of a chunk: 32 MB in float64
_CONSTANT = 1e-6  # a channel that varies less than this is constant, and only centred

ScalarT = TypeVar("ScalarT", bound=np.generic)


def chunks(array: NDArray[ScalarT], row_values: int | None = None) -> Iterator[NDArray[ScalarT]]:
    """Consecutive parts of at most 256 rows and 4 million values, views: a memory-mapped array stays on the disk.

    Args:
        array: (n, ...).
        row_values: numbers that a row stands for; None: those it holds.

    Example:
        >>> [len(chunk) for chunk in chunks(np.zeros((600, 2)))]
        [256, 256, 88]
        >>> [len(chunk) for chunk in chunks(np.arange(5), row_values=2_000_000)]
        [2, 2, 1]
    """
    values = prod(array.shape[1:]) if row_values is None else row_values
    rows = max(min(_ROWS, _VALUES // max(values, 1)), 1)
    return (array[start : start + rows] for start in range(0, len(array), rows))


class ChannelMoments:
    """Mean and deviation of each channel of samples that come in parts.

    Parts are merged by Chan's formula, which is stable where a sum of squares is not.

    Args:
        modality: name of the modality, for messages.
    """

    def __init__(self, modality: str) -> None:
        self._modality = modality
        self._count, self._mean, self._squares = 0, np.zeros(1), np.zeros(1)

    def add(self, samples: NDArray[np.generic]) -> None:
        """Add samples (n, C, H, W) or (n, T, C, H, W).

        Raises:
            ColliculusError: a value is not finite.
        """
        values = np.asarray(samples, dtype=np.float64)
        if not np.isfinite(values).all():
            raise ColliculusError(f"the training part of {self._modality!r} holds NaN or infinity: remove them")
        channels = np.moveaxis(values, -3, 0).reshape(values.shape[-3], -1)
        mean, count = channels.mean(axis=1), channels.shape[1]
        delta, total = mean - self._mean, self._count + count
        self._squares = self._squares + channels.var(axis=1) * count + delta**2 * self._count * count / total
        self._mean, self._count = self._mean + delta * count / total, total

    def mean_and_std(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(C,) mean and deviation; that of a constant channel is 1."""
        std = np.sqrt(self._squares / self._count)
        return self._mean, np.where(std < _CONSTANT, 1.0, std)


class StreamedMoments:
    """Moments of some rows of an array that is read once, from its first row to its last.

    Args:
        modality: name of the modality, for messages.
        array: the array, for its shape.
        rows: the rows that count, ascending.

    Example:
        >>> images = np.array([1.0, 99.0, 3.0]).reshape(3, 1, 1, 1)
        >>> streamed = StreamedMoments("visual", images, np.array([0, 2]))
        >>> streamed.look(0, images[:2])
        >>> streamed.look(2, images[2:])
        >>> streamed.moments.mean_and_std()
        (array([2.]), array([1.]))
    """

    def __init__(self, modality: str, array: NDArray[np.generic], rows: NDArray[np.int64]) -> None:
        self.moments = ChannelMoments(modality)
        self._parts = deque(chunks(rows, prod(array.shape[1:])))  # those of `channel_statistics`: equal to the last bit
        self._held: list[NDArray[np.generic]] = []

    def look(self, done: int, chunk: NDArray[np.generic]) -> None:
        """Take the rows that count out of a chunk, before which `done` rows came."""
        while self._parts:
            part = self._parts[0]
            chosen = part[(part >= done) & (part < done + len(chunk))]
            if len(chosen):
                self._held.append(chunk[chosen - done])
            if part[-1] >= done + len(chunk):
                return
            self.moments.add(np.concatenate(self._held))
            self._held = []
            self._parts.popleft()


def channel_statistics(
    arrays: Mapping[str, RowArray],
    rows: NDArray[np.int64],
    to_input: Mapping[str, ToInput] | None = None,
    present: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Normalisation:
    """Mean and deviation of each channel over the samples at `rows`, accumulated in float64 in chunks.

    A constant channel gets the deviation 1.

    Args:
        arrays: (n, C, H, W) or (n, T, C, H, W) of each modality, any numeric type, memory-mapped or not.
        rows: samples of the training part.
        to_input: conversion of the modalities that are stored in another form than above.
        present: samples that hold a modality, (n,); the others are passed over. All hold a modality that is not named.

    Raises:
        ColliculusError: `rows` is empty, or a modality holds values that are not finite.

    Example:
        >>> images = np.array([1.0, 3.0, 99.0]).reshape(3, 1, 1, 1)
        >>> channel_statistics({"visual": images}, np.array([0, 1]))
        Normalisation(mean={'visual': (2.0,)}, std={'visual': (1.0,)})
    """
    if len(rows) == 0:
        raise ColliculusError("the training part is empty: add samples to compute means and deviations from")
    held = {m: rows[present[m][rows]] if present and m in present else rows for m in arrays}
    found = {m: ChannelMoments(m) for m in arrays}
    for m, array in arrays.items():
        convert = (to_input or {}).get(m, np.asarray)
        for chunk in chunks(held[m], prod(array.shape[1:])):
            found[m].add(convert(array[chunk]))
    return normalisation_of(found)


def normalisation_of(moments: Mapping[str, ChannelMoments]) -> Normalisation:
    """Normalisation by the moments of each modality."""
    statistics = {m: one.mean_and_std() for m, one in moments.items()}
    return Normalisation(
        mean={m: tuple(mean.tolist()) for m, (mean, _) in statistics.items()},
        std={m: tuple(std.tolist()) for m, (_, std) in statistics.items()},
    )
