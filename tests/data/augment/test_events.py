from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from colliculus.data.augment.boxes import boxes
from colliculus.data.augment.draws import Draws
from colliculus.data.augment.events import EventDrop, thin
from colliculus.types import ColliculusError

DTYPES = [np.uint8, np.uint16, np.float32]


def counts(shape=(6, 5, 2, 8, 8), dtype=np.uint8, mean=3.0):
    return np.random.default_rng(0).poisson(mean, shape).astype(dtype)


def test_thinning_equals_a_draw_for_every_event_one_by_one() -> None:
    """Each of n events survives with probability p: the frequencies of what is left are those of coin tosses."""
    many = np.full((1, 40_000), 4, dtype=np.uint8)
    left = thin(many, np.array([0.3]), Draws.of(0, 0, np.array([0])))
    tosses = (np.random.default_rng(1).random((40_000, 4)) < 0.3).sum(axis=1)
    table = [np.bincount(x.ravel(), minlength=5) for x in (left, tosses)]
    assert stats.chi2_contingency(table).pvalue > 0.01


@pytest.mark.parametrize("dtype", DTYPES)
def test_thinning_only_takes_away(dtype) -> None:
    full = counts(dtype=dtype)
    got = thin(full, np.array([1, 0, 0.5, 0.5, 0.9, 0.1]), Draws.of(0, 0, np.arange(6)))
    assert got.dtype == dtype
    assert np.array_equal(got[0], full[0])
    assert not got[1].any()
    assert (got <= full).all()
    assert (got == np.rint(got)).all()
    assert got[2].sum() / full[2].sum() == pytest.approx(0.5, abs=0.05)


def test_bins_are_lost_together() -> None:
    full = counts((50, 10, 2, 4, 4), mean=5) + np.uint8(1)
    draws = Draws.of(0, 0, np.arange(50))
    got = EventDrop(time_probability=0.8, time_most=0.6)(full, draws)
    share, place = draws.uniform("time drop", 2).T
    for b, (sample, happens) in enumerate(zip(full, draws.happens("time drop?", 0.8), strict=True)):
        width = int(0.6 * share[b] * 10) * happens
        start = int(place[b] * (10 - width + 1))
        expected = sample.copy()
        expected[start : start + width] = 0
        assert np.array_equal(got[b], expected)
    assert not np.array_equal(got, full)


@pytest.mark.parametrize("shape", [(50, 10, 2, 8, 6), (50, 2, 8, 6)])
def test_an_area_is_lost_in_all_bins(shape) -> None:
    full = counts(shape) + np.uint8(1)
    draws = Draws.of(0, 0, np.arange(50))
    got = EventDrop(area_probability=0.5, area_most=0.4)(full, draws)
    drawn = draws.uniform("area drop", 3)
    found = boxes((8, 6), 0.4 * drawn[:, 0], np.ones(50), drawn[:, 1:])
    for b, happens in enumerate(draws.happens("area drop?", 0.5)):
        top, left, height, width = found[b]
        expected = full[b].copy()
        if happens:
            expected[..., top : top + height, left : left + width] = 0
        assert np.array_equal(got[b], expected)


@given(
    shape=st.one_of(
        st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(1, 6), st.integers(1, 6)),
        st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 2), st.integers(1, 6), st.integers(1, 6)),
    ),
    dtype=st.sampled_from(DTYPES),
    epoch=st.integers(0, 20),
)
@settings(max_examples=50, deadline=None)
def test_events_of_any_shape(shape, dtype, epoch) -> None:
    full = counts(shape, dtype)
    before = full.copy()
    drop = EventDrop(probability=0.7, time_probability=0.7, area_probability=0.7)
    got = drop(full, Draws.of(0, epoch, np.arange(shape[0])))
    assert (got.shape, got.dtype) == (shape, full.dtype)
    assert (got <= full).all()
    assert got.min() >= 0
    assert np.array_equal(full, before)


def test_off_changes_nothing() -> None:
    full = counts()
    assert EventDrop(most=1.0, time_most=1.0)(full, Draws.of(0, 0, np.arange(6))) is full


def test_what_is_no_count_is_refused() -> None:
    drop, draws = EventDrop(probability=1), Draws.of(0, 0, np.arange(2))
    for wrong in (0.5, -1.0):
        with pytest.raises(ColliculusError, match="whole numbers"):
            drop(np.full((2, 1, 2, 2), wrong, np.float32), draws)
    with pytest.raises(ColliculusError, match="`time_most` of the event drop is 2"):
        EventDrop(time_most=2)
