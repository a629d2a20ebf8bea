"""Some samples evenly over a split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def evenly(count: int, total: int) -> NDArray[np.int64]:
    """`count` rows evenly over a split of `total`, rising, with the first and the last; all where there are fewer.

    Example:
        >>> evenly(3, 10).tolist(), evenly(5, 2).tolist(), evenly(1, 10).tolist()
        ([0, 4, 9], [0, 1], [0])
    """
    found = min(count, total)
    return np.arange(found, dtype=np.int64) * (total - 1) // max(found - 1, 1)
