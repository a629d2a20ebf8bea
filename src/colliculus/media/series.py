"""Series of numbers over time: reading, and linear resampling to a fixed number of steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colliculus.files.checks import decoding
from colliculus.media.array_files import check_numbers
from colliculus.media.matlab import read_matlab
from colliculus.media.numpy_files import open_array

SERIES_SUFFIXES = frozenset({".mat", ".npy", ".csv"})
"""Suffixes of the files that hold a series."""


def read_series(path: Path, variable: str) -> NDArray[np.generic]:
    """The array of a .npy file, of a .csv file without a header (a row is a line), or `variable` of a .mat file.

    Raises:
        ColliculusError: the file is missing or damaged, or holds no numbers.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        with decoding(path, "write lines of numbers with commas between them, and no header"):
            return np.loadtxt(path, delimiter=",", ndmin=2)
    array = read_matlab(path, variable) if suffix == ".mat" else open_array(path)
    check_numbers(path, array)
    return array


def resample_linearly(series: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """Series (C, n) at `steps` evenly spaced moments from its first value to its last, linear in between: (C, steps).

    Example:
        >>> resample_linearly(np.array([[0, 2, 10]], dtype=np.float32), 5).tolist()
        [[0.0, 1.0, 2.0, 6.0, 10.0]]
    """
    moments = np.linspace(0, series.shape[1] - 1, steps)
    before = np.floor(moments).astype(np.int64)
    after = np.minimum(before + 1, series.shape[1] - 1)
    share = moments - before
    return (series[:, before] * (1 - share) + series[:, after] * share).astype(np.float32)
