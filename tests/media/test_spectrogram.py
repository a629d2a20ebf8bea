from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.media.resize import resize
from colliculus.media.spectrogram import Spectrogram, mel_filterbank
from colliculus.types import ColliculusError


def _slow_stft(waveform, n_fft, hop):
    """(bins, windows) magnitudes by the definition: windows centred on multiples of `hop`, silence all around."""
    window = [0.5 - 0.5 * math.cos(2 * math.pi * i / n_fft) for i in range(n_fft)]
    windows = []
    for centre in range(0, len(waveform) + 1, hop):
        first = centre - n_fft // 2
        part = [waveform[first + i] if 0 <= first + i < len(waveform) else 0.0 for i in range(n_fft)]
        turns = np.outer(np.arange(n_fft // 2 + 1), np.arange(n_fft)) / n_fft
        windows.append(np.abs(np.exp(-2j * np.pi * turns) @ (np.array(window) * part)))
    return np.array(windows).T


def _slow_mel(rate_hz, n_fft, num_mels):
    """Slaney's triangles by the definition, one filter and one bin at a time."""

    def to_mel(hz):
        return hz * 3 / 200 if hz < 1000 else 15 + math.log(hz / 1000) / (math.log(6.4) / 27)

    def to_hz(mel):
        return mel * 200 / 3 if mel < 15 else 1000 * math.exp((math.log(6.4) / 27) * (mel - 15))

    top = to_mel(rate_hz / 2)
    edges = [to_hz(top * i / (num_mels + 1)) for i in range(num_mels + 2)]
    filters = np.zeros((num_mels, n_fft // 2 + 1))
    for band in range(num_mels):
        low, centre, high = edges[band : band + 3]
        for i in range(n_fft // 2 + 1):
            hz = i * rate_hz / n_fft
            if low < hz <= centre:
                filters[band, i] = (hz - low) / (centre - low) * 2 / (high - low)
            elif centre < hz < high:
                filters[band, i] = (high - hz) / (high - centre) * 2 / (high - low)
    return filters


@pytest.fixture
def noise():
    return np.random.default_rng(0).uniform(-1, 1, 200).astype(np.float32)


def test_stft_agrees_with_a_slow_loop(noise):
    expected = np.log(_slow_stft(noise, 32, 20) + 1e-7)
    found = Spectrogram(n_fft=32, hop=20, size=expected.shape)(noise)
    np.testing.assert_allclose(found[0], expected, atol=1e-4)


def test_mel_agrees_with_a_slow_loop(noise):
    power = _slow_mel(8000, 32, 6) @ _slow_stft(noise, 32, 20) ** 2
    found = Spectrogram(sample_rate_hz=8000, n_fft=32, hop=20, scale="mel", num_mels=6, size=power.shape)(noise)
    np.testing.assert_allclose(found[0], np.log(power + 1e-7), atol=1e-4)


@pytest.mark.parametrize(("rate_hz", "n_fft", "num_mels"), [(22_050, 512, 64), (8000, 256, 48), (16_000, 400, 20)])
def test_filterbank_agrees_with_a_slow_loop(rate_hz, n_fft, num_mels):
    np.testing.assert_allclose(mel_filterbank(rate_hz, n_fft, num_mels), _slow_mel(rate_hz, n_fft, num_mels), atol=1e-8)


def test_a_tone_lies_in_its_bin():
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000).astype(np.float32)
    picture = Spectrogram(sample_rate_hz=8000, n_fft=256, hop=128, size=(129, 10))(tone)[0]
    assert (picture[:, 2:-2].argmax(axis=0) == 32).all()  # 1000 Hz / (8000 Hz / 256)


def test_it_is_resized_whole(noise):
    whole = Spectrogram(n_fft=32, hop=20, size=(17, 11))(noise)
    np.testing.assert_allclose(Spectrogram(n_fft=32, hop=20, size=(8, 5))(noise), resize(whole, (8, 5)), atol=1e-6)


def test_steps_are_the_spectrograms_of_the_parts(noise):
    parts = Spectrogram(n_fft=32, hop=20, size=(8, 8), steps=4)(noise)
    one = Spectrogram(n_fft=32, hop=20, size=(8, 8))
    for part, quarter in zip(parts, noise.reshape(4, 50), strict=True):
        np.testing.assert_allclose(part, one(quarter), atol=1e-6)


def test_loud_samples_are_clipped_to_full_scale():
    loud, full = np.full(100, 7, dtype=np.float32), np.ones(100, dtype=np.float32)
    spectrogram = Spectrogram(n_fft=32, size=(4, 4))
    np.testing.assert_array_equal(spectrogram(loud), spectrogram(full))


@given(samples=st.integers(0, 90), steps=st.sampled_from([None, 1, 3]), scale=st.sampled_from(["stft", "mel"]))
def test_any_length_gives_the_size_asked_for(samples, steps, scale):
    spectrogram = Spectrogram(n_fft=32, hop=20, num_mels=5, size=(6, 7), steps=steps, scale=scale)
    picture = spectrogram(np.ones(samples, dtype=np.float32))
    assert picture.shape == ((1, 6, 7) if steps is None else (steps, 1, 6, 7))
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()


def test_silence_is_the_floor():
    np.testing.assert_allclose(Spectrogram(size=(4, 4))(np.zeros(0, dtype=np.float32)), np.log(1e-7), rtol=1e-6)


@pytest.mark.parametrize("wrong", [{"hop": 0}, {"n_fft": 1}, {"steps": 0}, {"size": (0, 4)}, {"num_mels": 0}])
def test_settings_out_of_range(wrong):
    with pytest.raises(ColliculusError, match="at least 1"):
        Spectrogram(**wrong)
