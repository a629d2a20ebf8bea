from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.data.av_digits import draw_pairs
from colliculus.types import ColliculusError


@given(
    labels=st.lists(st.integers(0, 2), max_size=30).map(lambda values: np.array(values, dtype=np.int64)),
    counts=st.tuples(*[st.integers(1, 8)] * 3),
    epoch=st.integers(0, 3),
)
def test_partners_are_of_the_same_class_and_last_as_long_as_they_can(labels, counts, epoch):
    candidates = np.repeat(np.arange(3), counts)
    drawn = draw_pairs(labels, candidates, seed=0, epoch=epoch)
    np.testing.assert_array_equal(candidates[drawn], labels)
    for label, count in enumerate(counts):
        uses = np.bincount(drawn[labels == label], minlength=len(candidates))[candidates == label]
        assert uses.max() - uses.min() <= 1
        assert uses.max() <= -(-int((labels == label).sum()) // count)


def test_seed_and_epoch_decide():
    labels = candidates = np.zeros(30, dtype=np.int64)
    draws = [draw_pairs(labels, candidates, seed=s, epoch=e).tolist() for s, e in [(0, 0), (0, 0), (0, 1), (1, 0)]]
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) == 3


def test_a_class_without_candidates():
    with pytest.raises(ColliculusError, match="class 4"):
        draw_pairs(np.array([3, 4]), np.array([3]), seed=0, epoch=0)
