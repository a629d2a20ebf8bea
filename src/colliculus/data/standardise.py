"""Mean and standard deviation per channel of data that may not fit in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from colliculus.data.dataset import Normalisation
from colliculus.data.loading import ToInput
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


def channel_statistics(
    arrays: Mapping[str, NDArray[np.generic]],
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
    statistics = {
        m: _mean_and_std(m, array, held[m], (to_input or {}).get(m, np.asarray)) for m, array in arrays.items()
    }
    return Normalisation(
        mean={m: tuple(mean.tolist()) for m, (mean, _) in statistics.items()},
        std={m: tuple(std.tolist()) for m, (_, std) in statistics.items()},
    )


def _mean_and_std(
    modality: str, array: NDArray[np.generic], rows: NDArray[np.int64], to_input: ToInput
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(C,) mean and deviation; chunks are merged by Chan's formula, which is stable where a sum of squares is not."""
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    for chunk in chunks(rows, prod(array.shape[1:])):
        values = np.asarray(to_input(array[chunk]), dtype=np.float64)
        if not np.isfinite(values).all():
            raise ColliculusError(f"the training part of {modality!r} holds NaN or infinity: remove them")
        channels = np.moveaxis(values, -3, 0).reshape(values.shape[-3], -1)
        new_mean, new_count = channels.mean(axis=1), channels.shape[1]
        delta, total = new_mean - mean, count + new_count
        squares = squares + channels.var(axis=1) * new_count + delta**2 * count * new_count / total
        mean, count = mean + delta * new_count / total, total
    std = np.sqrt(squares / count)
    return mean, np.where(std < _CONSTANT, 1.0, std)
