from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from colliculus.media.sound import read_sound
from colliculus.media.window import Window
from colliculus.types import ColliculusError

VIDEOS = [".mp4", ".mkv", ".avi", ".flv", ".webm"]


@pytest.mark.parametrize(("suffix", "channels"), [(".wav", 1), (".flac", 2), (".wav", 2)])
def test_lossless_sound_equals_soundfile(tmp_path, suffix, channels):
    path = tmp_path / f"noise{suffix}"
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, (4000, channels))
    soundfile.write(path, noise, 8000, subtype="PCM_16")
    expected, _ = soundfile.read(path, always_2d=True)
    waveform = read_sound(path, Window(), 8000)
    assert waveform.dtype == np.float32
    np.testing.assert_allclose(waveform, expected.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("start", [0.0, 0.5, 3.7])
def test_a_segment_of_a_lossless_sound_is_its_samples(tmp_path, start):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * 8000)
    soundfile.write(tmp_path / "noise.wav", noise, 8000, subtype="FLOAT")
    waveform = read_sound(tmp_path / "noise.wav", Window(start, start + 1.0), 8000)
    first = round(start * 8000)
    np.testing.assert_allclose(waveform, noise[first : first + 8000], atol=1e-6)


def test_sound_is_resampled_without_changing_its_pitch_or_loudness(tmp_path, tone):
    soundfile.write(tmp_path / "tone.wav", tone, 48_000)
    waveform = read_sound(tmp_path / "tone.wav", Window(), 16_000)
    assert len(waveform) == 16_000
    assert np.abs(np.fft.rfft(waveform)).argmax() == 440
    assert waveform[1000:15_000].std() == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("suffix", VIDEOS)
def test_sound_of_a_video(shared_video, suffix):
    waveform = read_sound(shared_video(f"clip{suffix}"), Window(), 16_000)
    assert np.abs(np.fft.rfft(waveform[:16_000], 16_000)).argmax() == pytest.approx(440, abs=2)


def test_sound_and_images_share_a_clock(tmp_path):
    """A sound track that begins half a second after the images: its first half second is silence."""
    path, rate_hz = tmp_path / "late.mkv", 16_000
    with av.open(str(path), "w") as container:
        images = container.add_stream("mpeg4", rate=10)
        images.height, images.width, images.pix_fmt = 32, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=rate_hz, layout="mono")
        for level in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), level, np.uint8), format="rgb24")
            container.mux(images.encode(frame))
        samples = np.full((1, rate_hz // 2), 8000, np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.rate, frame.time_base, frame.pts = rate_hz, Fraction(1, rate_hz), rate_hz // 2
        container.mux(sound.encode(frame))
        container.mux(images.encode())
        container.mux(sound.encode())
    waveform = read_sound(path, Window(duration_s=1.0), rate_hz)
    assert np.abs(waveform[: rate_hz // 2 - 40]).max() == 0
    np.testing.assert_allclose(waveform[rate_hz // 2 + 40 :], 8000 / 32768, atol=1e-4)


def test_what_cannot_be_read_is_named(tmp_path, shared_video):
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0), 8000)
    soundfile.write(tmp_path / "slow.wav", np.zeros(5), 1)
    soundfile.write(tmp_path / "fast.wav", np.zeros(5), 200_000_000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    for path, window, message in (
        (shared_video("silent.mp4"), Window(), r"silent\.mp4 holds no sound: give a file with an audio track"),
        (shared_video("clip.mp4"), Window(7.0, 9.0), "the sample begins at 7 s"),
        (tmp_path / "nothing.wav", Window(), r"nothing\.wav holds no sound"),
        (tmp_path / "slow.wav", Window(), r"slow\.wav states a sample rate of 1 Hz"),
        (tmp_path / "fast.wav", Window(), r"fast\.wav states a sample rate of 200000000 Hz"),
        (tmp_path / "nan.wav", Window(), "not numbers"),
    ):
        with pytest.raises(ColliculusError, match=message):
            read_sound(path, window, 8000)
