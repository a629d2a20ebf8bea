"""Long arrays a few rows at a time, so that a memory-mapped array is never in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_ROWS = 256

ScalarT = TypeVar("ScalarT", bound=np.generic)


def chunks(array: NDArray[ScalarT]) -> Iterator[NDArray[ScalarT]]:
    """Consecutive parts of at most 256 rows: views, in order.

    Example:
        >>> [len(chunk) for chunk in chunks(np.zeros((600, 2)))]
        [256, 256, 88]
    """
    return (array[start : start + _ROWS] for start in range(0, len(array), _ROWS))
