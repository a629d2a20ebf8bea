from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.media.delta import SpectralDelta, delta
from colliculus.media.resize import resize
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError

SPECTROGRAM = Spectrogram(n_fft=32, hop=20, size=(17, 11))  # of 200 samples: as many bins and windows, nothing resized


def _slow_delta(values, reach):
    """The formula, one value of one row at a time, the ends held."""
    last = values.shape[1] - 1
    slopes = np.zeros(values.shape)
    for row in range(len(values)):
        for t in range(last + 1):
            rise = [n * (values[row, min(t + n, last)] - values[row, max(t - n, 0)]) for n in range(1, reach + 1)]
            slopes[row, t] = sum(rise) / (2 * sum(n**2 for n in range(1, reach + 1)))
    return slopes


@pytest.fixture
def noise():
    return np.random.default_rng(0).uniform(-1, 1, 200).astype(np.float32)


@given(windows=st.integers(1, 9), reach=st.integers(1, 4))
def test_delta_agrees_with_a_slow_loop(windows, reach):
    values = np.random.default_rng(windows).normal(-4, 2, (3, windows)).astype(np.float32)
    found = delta(values, reach)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, _slow_delta(values.astype(np.float64), reach), atol=1e-6)


def test_delta_is_the_slope_of_the_line_of_least_squares():
    values = np.random.default_rng(0).normal(size=9).astype(np.float32)
    lines = [np.polyfit(range(-2, 3), values[t - 2 : t + 3], 1)[0] for t in range(2, 7)]
    np.testing.assert_allclose(delta(values, 2)[2:7], lines, atol=1e-6)


def test_it_is_the_delta_of_the_spectrogram(noise):
    found = SpectralDelta(spectrogram=SPECTROGRAM)(noise)
    np.testing.assert_allclose(found[0], _slow_delta(SPECTROGRAM(noise)[0], 2), atol=1e-5)


def test_it_is_resized_after_the_delta_is_taken(noise):
    small = Spectrogram(n_fft=32, hop=20, size=(8, 5))
    found = SpectralDelta(spectrogram=small)(noise)
    np.testing.assert_allclose(found, resize(delta(SPECTROGRAM(noise), 2), (8, 5)), atol=1e-6)
    assert np.abs(found - delta(small(noise), 2)).max() > 0.1  # the other order gives another picture


def test_no_window_looks_into_another_part(noise):
    parts = SpectralDelta(spectrogram=Spectrogram(n_fft=32, hop=20, size=(8, 8), steps=4))(noise)
    one = SpectralDelta(spectrogram=Spectrogram(n_fft=32, hop=20, size=(8, 8)))
    for part, quarter in zip(parts, noise.reshape(4, 50), strict=True):
        np.testing.assert_allclose(part, one(quarter), atol=1e-6)


@pytest.mark.parametrize("samples", [0, 1, 90])
def test_any_length_gives_the_size_asked_for(samples):
    picture = SpectralDelta(spectrogram=SPECTROGRAM)(np.ones(samples, dtype=np.float32))
    assert (picture.shape, picture.dtype) == ((1, 17, 11), np.float32)
    assert np.isfinite(picture).all()


def test_silence_does_not_change():
    assert not SpectralDelta(spectrogram=SPECTROGRAM)(np.zeros(500, dtype=np.float32)).any()


def test_settings_out_of_range():
    with pytest.raises(ColliculusError, match="`reach` of a delta is 0"):
        SpectralDelta(spectrogram=SPECTROGRAM, reach=0)
