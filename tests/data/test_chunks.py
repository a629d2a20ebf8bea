from __future__ import annotations

import numpy as np
import pytest

from colliculus.data.chunks import chunks


@pytest.mark.parametrize("count", [0, 1, 256, 257, 600])
def test_all_rows_come_once_in_order_and_few_at_a_time(count):
    parts = list(chunks(np.arange(count)))
    assert [row for part in parts for row in part] == list(range(count))
    assert all(0 < len(part) <= 256 for part in parts)
