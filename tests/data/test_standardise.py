from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.format import open_memmap

from colliculus.data.dataset import Normalisation
from colliculus.data.standardise import StreamedMoments, channel_statistics, chunks, normalisation_of
from colliculus.types import ColliculusError


@given(count=st.integers(1, 600), steps=st.integers(0, 2), offset=st.sampled_from([0.0, 1e6]))
def test_agrees_with_numpy(count, steps, offset):
    shape = (count, *[steps] * bool(steps), 2, 1, 3)
    values = np.random.default_rng(count).normal(size=shape) + offset
    axes = tuple(axis for axis in range(values.ndim) if axis != values.ndim - 3)
    found = channel_statistics({"audio": values}, np.arange(count))
    np.testing.assert_allclose(found.mean["audio"], values.mean(axis=axes), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.std["audio"], values.std(axis=axes), rtol=1e-6)


def test_only_the_given_rows_count():
    values = np.array([0.0, 2.0, 1000.0]).reshape(3, 1, 1, 1)
    assert channel_statistics({"a": values}, np.array([0, 1])) == Normalisation(mean={"a": (1.0,)}, std={"a": (1.0,)})


def test_a_constant_channel_is_only_centred():
    found = channel_statistics({"a": np.full((4, 1, 2, 2), 0.1)}, np.arange(4))
    assert found.std["a"] == (1.0,)
    assert found.mean["a"] == pytest.approx((0.1,))


def test_memory_mapped_bytes(tmp_path):
    stored = open_memmap(tmp_path / "a.npy", mode="w+", dtype=np.uint8, shape=(700, 1, 2, 2))
    stored[:] = np.random.default_rng(0).integers(0, 256, stored.shape)
    found = channel_statistics({"a": stored}, np.arange(700))
    assert found.mean["a"] == pytest.approx((float(np.asarray(stored, dtype=float).mean()),))


def test_batches_are_standardised_by_it():
    values = np.random.default_rng(0).normal(3, 5, (50, 2, 4, 4))
    standardised = channel_statistics({"a": values}, np.arange(50))("a", values)
    np.testing.assert_allclose(standardised.mean(axis=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(standardised.std(axis=(0, 2, 3)), 1, atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite(bad):
    with pytest.raises(ColliculusError, match="'a' holds NaN or infinity"):
        channel_statistics({"a": np.array([0.0, bad]).reshape(2, 1, 1, 1)}, np.arange(2))


@pytest.mark.parametrize("size", [(2, 1, 3), (3, 2, 1, 5), (1, 900, 700)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_moments_of_a_stream_are_those_of_the_rows_to_the_last_digit(size, order):
    rng = np.random.default_rng(0)
    values = np.asarray(
        rng.normal(3, 2, (600 if len(size) != 3 or size[1] < 9 else 20, *size)).astype("f4"), order=order
    )
    some, but_the_first = np.flatnonzero(rng.random(len(values)) < 0.7), np.arange(1, len(values))
    for rows in (some, but_the_first):
        streamed, done = StreamedMoments("a", values, rows), 0
        for chunk in chunks(values):
            streamed.look(done, chunk)
            done += len(chunk)
        assert normalisation_of({"a": streamed.moments}) == channel_statistics({"a": values}, rows)


def test_no_rows():
    with pytest.raises(ColliculusError, match="empty"):
        channel_statistics({"a": np.zeros((2, 1, 1, 1))}, np.arange(0))


@pytest.mark.parametrize("count", [0, 1, 256, 257, 600])
def test_all_rows_come_once_in_order_and_few_at_a_time(count):
    parts = list(chunks(np.arange(count)))
    assert [row for part in parts for row in part] == list(range(count))
    assert all(0 < len(part) <= 256 for part in parts)


def test_a_chunk_is_bounded_by_its_values():
    rows = np.broadcast_to(np.float32(0), (300, 3, 512, 512))
    sizes = [len(chunk) for chunk in chunks(rows)]
    assert sizes == [5] * 60
    assert [len(chunk) for chunk in chunks(np.broadcast_to(np.float32(0), (2, 2**23)))] == [1, 1]


def test_statistics_of_large_rows_take_little_memory():
    values = np.broadcast_to(np.arange(2, dtype=np.uint8)[:, None, None, None], (2, 3, 512, 512))
    values = np.concatenate([values] * 40)
    tracemalloc.start()
    found = channel_statistics({"a": values}, np.arange(80))
    assert tracemalloc.get_traced_memory()[1] < 200e6  # 256 rows at once took 1.5 GB
    tracemalloc.stop()
    assert found.mean["a"] == pytest.approx((0.5,) * 3)
    assert found.std["a"] == pytest.approx((0.5,) * 3)
