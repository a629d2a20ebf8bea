from __future__ import annotations

import numpy as np
import pytest

from colliculus.data.augment.draws import Draws
from colliculus.data.augment.signals import ChannelDrop, ChannelGain, MapAugment, SeriesAugment
from colliculus.data.augment.sound import Masks
from colliculus.data.augment.warp import Warp
from colliculus.types import ColliculusError

B, C = 60, 3
FILL = np.array([2.0, -1.0, 0.5])
DRAWS = Draws.of(0, 0, np.arange(B))
SHAPES = [(B, C, 1, 16), (B, 2, C, 1, 8), (B, C, 4, 5)]


def values_of(shape):
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_gain_stretches_each_channel_about_its_mean(shape) -> None:
    values, mean = values_of(shape), FILL[:, None, None]
    got = ChannelGain(probability=0.5, factor=(0.5, 2.0))(values, DRAWS, FILL)
    ratio = np.moveaxis((got - mean) / (values - mean), -3, 1).reshape(B, C, -1)
    factors = ratio[..., 0]
    np.testing.assert_allclose(ratio, np.broadcast_to(factors[..., None], ratio.shape), rtol=1e-3)
    changed = ~np.isclose(factors, 1, atol=1e-4).all(axis=1)
    assert 0.3 < changed.mean() < 0.7
    assert np.array_equal(got[~changed], values[~changed])
    assert 0.5 <= factors[changed].min() < 0.6
    assert 1.9 < factors[changed].max() <= 2.0 + 1e-4
    assert (np.ptp(factors[changed], axis=1) > 0.01).all()  # each channel has its own


def test_a_gain_of_bytes_rounds_and_clips() -> None:
    levels = np.array([[[[0, 100, 250]]]], dtype=np.uint8)
    got = ChannelGain(probability=1.0, factor=(2.0, 2.0))(levels, Draws.of(0, 0, np.arange(1)), np.array([100]))
    assert got.dtype == np.uint8
    assert got.tolist() == [[[[0, 100, 255]]]]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_offset_adds_a_constant_to_each_channel_in_units_of_its_own_deviation(shape) -> None:
    values = values_of(shape) * np.array([1.0, 10.0, 0.1])[:, None, None]
    got = ChannelGain(probability=0.5, factor=(1.0, 1.0), offset=0.2)(values, DRAWS, FILL)
    added, by_channel = (np.moveaxis(x, -3, 1).reshape(B, C, -1) for x in (got - values, values))
    shares = added[..., 0] / by_channel.std(axis=2)
    np.testing.assert_allclose(added, np.broadcast_to(added[..., :1], added.shape), atol=1e-4)
    changed = (np.abs(shares) > 1e-3).any(axis=1)
    assert 0.3 < changed.mean() < 0.7
    assert -0.201 < shares[changed].min() < -0.18
    assert 0.18 < shares[changed].max() < 0.201
    assert (np.ptp(shares[changed], axis=1) > 1e-3).all()  # each channel has its own


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_drop_hides_whole_channels_and_no_others(shape) -> None:
    values = values_of(shape)
    got = ChannelDrop(probability=0.3)(values, DRAWS, FILL)
    hidden = np.moveaxis(got == FILL[:, None, None], -3, 1).reshape(B, C, -1)
    assert (hidden.all(axis=2) == hidden.any(axis=2)).all()
    assert 0.2 < hidden.all(axis=2).mean() < 0.4
    kept = np.moveaxis(got == values, -3, 1).reshape(B, C, -1)
    assert (kept.all(axis=2) != hidden.all(axis=2)).all()


@pytest.mark.parametrize(
    "part",
    [
        {"warp": Warp(probability=1.0)},
        {"gain": ChannelGain(probability=1.0)},
        {"time_masks": Masks(num=1, most=0.5)},
        {"drop": ChannelDrop(probability=0.5)},
    ],
    ids=lambda part: next(iter(part)),
)
def test_every_part_of_the_series_acts_and_is_off_by_default(part) -> None:
    values = values_of((B, 2, C, 1, 8))
    assert SeriesAugment()(values, DRAWS, FILL) is values
    got = SeriesAugment(**part)(values, DRAWS, FILL)
    assert got.shape == values.shape
    assert got.dtype == values.dtype
    assert not np.array_equal(got, values)


@pytest.mark.parametrize("part", [{"warp": Warp(probability=1.0)}, {"gain": ChannelGain(probability=1.0)}], ids=str)
def test_every_part_of_the_maps_acts_and_is_off_by_default(part) -> None:
    values = values_of((B, C, 6, 5))
    assert MapAugment()(values, DRAWS, DRAWS, FILL) is values
    assert not np.array_equal(MapAugment(**part)(values, DRAWS, DRAWS, FILL), values)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: ChannelGain(probability=-1), "`probability` of a channel gain"),
        (lambda: ChannelGain(factor=(0.0, 1.0)), "`factor` of a channel gain"),
        (lambda: ChannelGain(offset=-0.1), "`offset` of a channel gain"),
        (lambda: ChannelDrop(probability=2), "`probability` of a channel drop"),
    ],
)
def test_settings_out_of_range_are_refused(make, sentence) -> None:
    with pytest.raises(ColliculusError, match=sentence):
        make()
