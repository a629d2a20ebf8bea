from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.data.evenly import evenly


@given(st.integers(0, 50), st.integers(0, 500))
def test_rows_rise_evenly_from_the_first_to_the_last(count, total):
    rows = evenly(count, total)
    assert len(rows) == min(count, total)
    assert len(set(rows.tolist())) == len(rows)
    if len(rows) > 1:
        assert (rows[0], rows[-1]) == (0, total - 1)
        assert np.ptp(np.diff(rows)) <= 1


@pytest.mark.parametrize(("count", "total"), [(7, 100), (256, 1000), (3, 10)])
def test_they_are_those_of_numpy_without_its_rounding(count, total):
    assert evenly(count, total).tolist() == [i * (total - 1) // (count - 1) for i in range(count)]
