"""Mean and standard deviation per channel of data that may not fit in memory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from colliculus.data.chunks import chunks
from colliculus.data.dataset import Normalisation
from colliculus.data.loading import ToInput
from colliculus.types import ColliculusError

_CONSTANT = 1e-6  # a channel that varies less than this carries nothing and is only centred


def channel_statistics(
    arrays: Mapping[str, NDArray[np.generic]],
    rows: NDArray[np.int64],
    to_input: Mapping[str, ToInput] | None = None,
) -> Normalisation:
    """Statistics of each channel over the samples at `rows`, accumulated in float64 in chunks.

    Args:
        arrays: of each modality (n, C, H, W) or (n, T, C, H, W), any numeric type, memory-mapped or not.
        rows: the samples to look at: those of the training part, and no others.
        to_input: of a modality stored in another form than above, what makes the above of a batch of it.

    Returns:
        One mean and one positive standard deviation per channel; a constant channel gets the deviation 1.

    Raises:
        ColliculusError: `rows` is empty, or a modality holds values that are not finite.

    Example:
        >>> images = np.array([1.0, 3.0, 99.0]).reshape(3, 1, 1, 1)
        >>> channel_statistics({"visual": images}, np.array([0, 1]))
        Normalisation(mean={'visual': (2.0,)}, std={'visual': (1.0,)})
    """
    if len(rows) == 0:
        raise ColliculusError("the training part is empty: there is nothing to take means and deviations from")
    statistics = {
        modality: _mean_and_std(modality, array, rows, (to_input or {}).get(modality, np.asarray))
        for modality, array in arrays.items()
    }
    return Normalisation(
        mean={m: tuple(mean.tolist()) for m, (mean, _) in statistics.items()},
        std={m: tuple(std.tolist()) for m, (_, std) in statistics.items()},
    )


def _mean_and_std(
    modality: str, array: NDArray[np.generic], rows: NDArray[np.int64], to_input: ToInput
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(C,) mean and deviation; chunks are merged by Chan's formula, which does not cancel as a sum of squares would."""
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    for chunk in chunks(rows):
        values = np.asarray(to_input(array[chunk]), dtype=np.float64)
        if not np.isfinite(values).all():
            raise ColliculusError(
                f"the training part of {modality!r} holds values that are not finite: remove NaN and infinity"
            )
        channels = np.moveaxis(values, -3, 0).reshape(values.shape[-3], -1)
        new_mean, new_count = channels.mean(axis=1), channels.shape[1]
        delta, total = new_mean - mean, count + new_count
        squares = squares + channels.var(axis=1) * new_count + delta**2 * count * new_count / total
        mean, count = mean + delta * new_count / total, total
    std = np.sqrt(squares / count)
    return mean, np.where(std < _CONSTANT, 1.0, std)
