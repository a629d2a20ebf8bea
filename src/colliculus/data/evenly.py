"""Some samples evenly over a split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def evenly(count: int, total: int) -> NDArray[np.int64]:
    """Rows evenly spread over a split, the first and the last among them.

    Args:
        count: rows wanted, at least 0; all rows where there are fewer.
        total: rows of the split.

    Returns:
        (min(count, total),) rows in rising order, no row twice.

    Example:
        >>> evenly(3, 10).tolist(), evenly(5, 2).tolist(), evenly(1, 10).tolist()
        ([0, 4, 9], [0, 1], [0])
    """
    found = min(count, total)
    return np.arange(found, dtype=np.int64) * (total - 1) // max(found - 1, 1)
