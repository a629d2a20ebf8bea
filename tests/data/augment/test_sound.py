from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from colliculus.data.augment.draws import Draws
from colliculus.data.augment.sound import (
    BackgroundNoise,
    Gain,
    Masks,
    SoundShift,
    SpectrogramAugment,
    WaveformAugment,
    add_at_snr,
    as_stored,
    bands,
    pink,
    roll,
)
from colliculus.types import ColliculusError

LOUD = WaveformAugment(
    shift=SoundShift(most=0.5),
    gain=Gain(most_db=12),
    noise=BackgroundNoise(probability=0.7, kind="pink", snr_db=(0, 5)),
)
HIDING = SpectrogramAugment(
    shift=SoundShift(most=0.3), time_masks=Masks(num=2, most=0.4), frequency_masks=Masks(num=1, most=0.5)
)
SHAPES = st.one_of(
    st.tuples(st.integers(1, 5), st.integers(1, 2), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 2), st.integers(1, 9), st.integers(1, 9)),
)


def waves(dtype, count=4, samples=501):
    noise = np.random.default_rng(0).uniform(-0.4, 0.4, (count, samples))
    return (noise * 32767).astype(dtype) if dtype == np.int16 else noise.astype(dtype)


def test_loud_waveforms_are_clipped_at_full_scale() -> None:
    loud = np.array([2.0, -3.0, 0.5], dtype=np.float32)
    assert as_stored(loud, np.dtype(np.float32)).tolist() == [1.0, -1.0, 0.5]
    assert as_stored(30000 * loud, np.dtype(np.int16)).tolist() == [32767, -32768, 15000]
    louder = Gain(most_db=40)(np.full((9, 4), 0.9, dtype=np.float32), Draws.of(0, 0, np.arange(9)))
    assert louder.max() == 1.0
    assert louder.min() < 0.9


def test_rolling_equals_numpy() -> None:
    values = np.random.default_rng(0).normal(size=(5, 2, 7))
    shifts = np.array([0, 3, -2, 7, -7])
    expected = np.stack([np.roll(x, s, axis=-1) for x, s in zip(values, shifts, strict=True)])
    assert np.array_equal(roll(values, shifts), expected)


def test_a_sequence_is_moved_along_its_whole_line_of_time() -> None:
    """Marks at moment m of 3 parts of 4 columns come to m + shift, round the end."""
    draws = Draws.of(0, 0, np.arange(12))
    sequences = np.zeros((12, 3, 1, 2, 4), dtype=np.float32)
    for moment in range(12):
        sequences[moment, moment // 4, :, :, moment % 4] = 1
    got = SoundShift(most=0.5).of_spectrograms(sequences, draws)
    shifts = np.rint(draws.between("time shift", -0.5, 0.5) * 12).astype(int)
    assert len(set(shifts)) > 3
    for moment, shift in enumerate(shifts):
        there = (moment + shift) % 12
        assert np.argwhere(got[moment, :, 0, 0]).tolist() == [[there // 4, there % 4]]
    assert got.sum() == sequences.sum()


def test_bands_equal_a_slow_loop() -> None:
    rng = np.random.default_rng(0)
    shares, places = rng.random((50, 3)), rng.random((50, 3))
    got = bands(20, shares, places)
    for b in range(50):
        hidden = set()
        for share, place in zip(shares[b], places[b], strict=True):
            width = int(share * 20)
            start = int(place * (20 - width + 1))
            hidden |= set(range(start, start + width))
        assert set(np.flatnonzero(got[b])) == hidden


@pytest.mark.parametrize("shape", [(40, 2, 6, 30), (40, 3, 2, 6, 10)])
def test_time_masks_hide_columns_of_the_clip_and_nothing_else(shape) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    got = Masks(num=2, most=0.5).over_time(values, Draws.of(0, 0, np.arange(40)), np.array([5, 6], np.float32))
    line = (lambda x: x.transpose(0, 2, 3, 1, 4).reshape(40, 2, 6, 30)) if len(shape) == 5 else (lambda x: x)
    changed = line(got != values)
    columns = changed.any(axis=(1, 2))
    assert np.array_equal(changed, np.broadcast_to(columns[:, None, None], changed.shape))
    for c, fill in enumerate((5, 6)):
        assert (line(got)[:, c][changed[:, c]] == fill).all()
    assert 0.2 < columns.mean() < 0.5
    assert np.diff(columns.astype(int), axis=1, prepend=0, append=0).clip(0).sum(axis=1).max() == 2  # two bands


@pytest.mark.parametrize("shape", [(40, 2, 20, 6), (40, 3, 2, 20, 6)])
def test_frequency_masks_hide_the_same_rows_at_all_times(shape) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    got = Masks(num=1, most=0.5).over_frequency(values, Draws.of(0, 0, np.arange(40)), np.zeros(2, np.float32))
    changed = (got != values).reshape(40, -1, 20, 6)
    rows = changed.any(axis=(1, 3))
    assert np.array_equal(changed, np.broadcast_to(rows[:, None, :, None], changed.shape))
    assert rows.sum(axis=1).max() <= 10
    assert 0.1 < rows.mean() < 0.4


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_gain_by_hand(dtype) -> None:
    sounds, draws = waves(dtype), Draws.of(0, 0, np.arange(4))
    got = Gain(most_db=12)(sounds, draws)
    full, least = (32767, -32768) if dtype == np.int16 else (1, -1)
    for sound, found, db in zip(sounds, got, draws.between("gain", -12, 12), strict=True):
        expected = np.clip(sound.astype(float) * 10 ** (db / 20), least, full)
        assert np.abs(found - expected).max() <= (0.51 if dtype == np.int16 else 1e-6)
    assert got.dtype == dtype


def test_a_loud_sum_is_turned_down_and_keeps_its_ratio() -> None:
    sound, noise = np.array([0.5, -0.5, 0.5, 0.5], np.float32), np.array([1, 1, -1, 1], np.float32)
    mixed = add_at_snr(sound, noise, -20.0)  # 0.5 + 5, -0.5 + 5, 0.5 - 5, 0.5 + 5
    np.testing.assert_allclose(mixed, np.array([5.5, 4.5, -4.5, 5.5]) / 5.5, rtol=1e-6)
    stored = add_at_snr(32767 * sound, noise, -20.0, 32767.0)
    np.testing.assert_allclose(stored, 32767 * mixed, rtol=1e-6)


@pytest.mark.parametrize("snr_db", [-10, 0, 20])
def test_noise_has_the_power_that_was_asked_for(snr_db) -> None:
    rng = np.random.default_rng(0)
    sound, noise = (rng.normal(size=4000).astype(np.float32) * k for k in (0.01, 7))
    added = add_at_snr(sound, noise, snr_db).astype(float) - sound
    assert 10 * np.log10((sound.astype(float) ** 2).mean() / (added**2).mean()) == pytest.approx(snr_db, abs=1e-3)
    assert np.corrcoef(added, noise)[0, 1] == pytest.approx(1)


def test_silence_gets_no_noise_and_silent_noise_adds_nothing() -> None:
    sound, silence = np.ones(8, np.float32), np.zeros(8, np.float32)
    assert np.array_equal(add_at_snr(silence, sound, 0.0), silence)
    assert np.array_equal(add_at_snr(sound, silence, 0.0), sound)


@pytest.mark.parametrize(("kind", "slope"), [("white", 0), ("pink", -1)])
def test_the_colour_of_the_noise(kind, slope) -> None:
    """Slope of log power over log frequency."""
    quiet = BackgroundNoise(probability=1, kind=kind, snr_db=(0, 0))
    sounds = np.full((40, 4096), 1e-3, dtype=np.float32)
    noise = quiet(sounds, Draws.of(0, 0, np.arange(40)), None) - sounds
    power = (np.abs(np.fft.rfft(noise))[:, 1:-1] ** 2).mean(axis=0)
    fit = stats.linregress(np.log(np.arange(1, len(power) + 1)), np.log(power))
    assert fit.slope == pytest.approx(slope, abs=0.05)


@given(samples=st.integers(2, 50))
def test_pink_noise_of_any_length_has_no_constant_part(samples) -> None:
    noise = pink(np.random.default_rng(0), samples)
    assert (noise.shape, noise.dtype) == ((samples,), np.float32)
    assert abs(noise.mean()) < 1e-5


def test_noise_of_another_sample() -> None:
    sounds, others = waves(np.float32) / 4, waves(np.float32)[::-1].copy()
    got = BackgroundNoise(probability=1, kind="other", snr_db=(6, 6))(sounds, Draws.of(0, 0, np.arange(4)), others)
    for sound, other, found in zip(sounds, others, got, strict=True):
        assert np.corrcoef(found - sound, other)[0, 1] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_waveforms_keep_their_type_and_full_scale(dtype) -> None:
    sounds = waves(dtype)
    before = sounds.copy()
    got = LOUD(sounds, Draws.of(0, 0, np.arange(4)), None)
    assert (got.dtype, got.shape) == (sounds.dtype, sounds.shape)
    assert np.abs(got.astype(float)).max() <= (32768 if dtype == np.int16 else 1)
    assert np.array_equal(sounds, before)
    assert not np.array_equal(got, sounds)


@given(shape=SHAPES, epoch=st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_spectrograms_of_any_shape(shape, epoch) -> None:
    given_values = np.random.default_rng(epoch).normal(size=shape).astype(np.float32)
    before = given_values.copy()
    got = HIDING(given_values, Draws.of(3, epoch, np.arange(shape[0])), np.full(shape[-3], 9, np.float32))
    assert (got.shape, got.dtype) == (shape, np.float32)
    assert set(np.unique(got)) <= {*np.unique(given_values), 9}
    assert np.array_equal(given_values, before)


def test_what_is_off_changes_nothing() -> None:
    sounds, draws = waves(np.int16), Draws.of(0, 0, np.arange(4))
    assert WaveformAugment()(sounds, draws, None) is sounds
    assert WaveformAugment(noise=BackgroundNoise(kind="pink"))(sounds, draws, None) is sounds
    spectra = np.zeros((4, 1, 8, 8), np.float32)
    assert SpectrogramAugment()(spectra, draws, np.ones(1, np.float32)) is spectra


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: SoundShift(most=2.0), "`most` of a time shift is 2.0"),
        (lambda: Masks(num=-1), "`num` of the masks is -1"),
        (lambda: Masks(most=1.1), "`most` of a mask"),
        (lambda: Gain(most_db=-1.0), "`most_db` of the gain is -1.0"),
        (lambda: BackgroundNoise(snr_db=(10.0, 0.0)), "smaller number first"),
        (lambda: BackgroundNoise(probability=2.0), "`probability` of background noise"),
    ],
)
def test_settings_out_of_range_are_refused(make, sentence) -> None:
    with pytest.raises(ColliculusError, match=sentence):
        make()
