from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from colliculus.data.augment.draws import Draws, splitmix

MASK, GAMMA = 2**64 - 1, 0x9E3779B97F4A7C15


def slow_splitmix(state: int) -> int:
    z = (state + GAMMA) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def test_splitmix_gives_the_published_numbers() -> None:
    """The first outputs for the seed 1234567, as on rosettacode.org."""
    states = np.uint64(1234567) + np.arange(5, dtype=np.uint64) * np.uint64(GAMMA)
    assert splitmix(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@given(st.lists(st.integers(0, MASK), min_size=1, max_size=5))
def test_splitmix_equals_whole_numbers_without_end(states) -> None:
    assert splitmix(np.array(states, dtype=np.uint64)).tolist() == [slow_splitmix(s) for s in states]


@given(
    seed=st.integers(0, 2**63 - 1),
    epoch=st.integers(0, 10**6),
    indices=st.lists(st.integers(0, 10**9), min_size=1, max_size=20),
    cut=st.integers(0, 20),
)
def test_a_sample_draws_the_same_in_any_batch(seed, epoch, indices, cut) -> None:
    whole = Draws.of(seed, epoch, np.array(indices)).uniform("flip", 3)
    parts = [Draws.of(seed, epoch, np.array(part, dtype=np.int64)) for part in (indices[:cut], indices[cut:])]
    assert np.array_equal(whole, np.concatenate([part.uniform("flip", 3) for part in parts]))
    bulk = [rng.random() for rng in Draws.of(seed, epoch, np.array(indices)).generators("noise")]
    assert bulk == [rng.random() for part in parts for rng in part.generators("noise")]


def test_seed_epoch_index_and_purpose_each_change_what_is_drawn() -> None:
    found = {
        float(Draws.of(seed, epoch, np.array([index])).uniform(purpose, 1)[0, 0])
        for seed in range(4) for epoch in range(4) for index in range(4) for purpose in ("a", "b")
    }  # fmt: skip
    assert len(found) == 4 * 4 * 4 * 2


@pytest.mark.parametrize("along", ["indices", "epochs", "count"])
def test_draws_are_even_and_independent(along) -> None:
    if along == "indices":
        pairs = Draws.of(0, 0, np.arange(20_000)).uniform("x", 2)
    elif along == "epochs":
        pairs = np.concatenate([Draws.of(0, epoch, np.arange(2)).uniform("x", 2) for epoch in range(5000)])
    else:
        pairs = Draws.of(0, 0, np.array([5])).uniform("x", 20_000).reshape(-1, 2)
    assert pairs.min() >= 0
    assert pairs.max() < 1
    assert stats.kstest(pairs.ravel(), "uniform").pvalue > 0.01
    cells = np.histogram2d(*pairs.T, bins=10, range=[[0, 1]] * 2)[0]
    assert stats.chisquare(cells.ravel()).pvalue > 0.01


def test_between_and_happens() -> None:
    draws = Draws.of(1, 2, np.arange(4000))
    drawn = draws.between("x", -2, 6)
    assert np.array_equal(drawn, -2 + 8 * draws.uniform("x", 1)[:, 0])
    assert not draws.happens("y", 0).any()
    assert draws.happens("y", 1).all()
    assert draws.happens("y", 0.3).mean() == pytest.approx(0.3, abs=0.03)
