from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from colliculus.media.notes import collected_notes
from colliculus.media.sound import check_sound, read_sound
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


@pytest.mark.parametrize("channels", [3, 6, 7, 8, 9, 12, 16, 24, 64])
@pytest.mark.parametrize("rate_hz", [8000, 5000])
def test_sound_of_many_channels_is_their_mean(tmp_path, channels, rate_hz):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (4000, channels))
    soundfile.write(tmp_path / "a.wav", noise, 8000, subtype="FLOAT")
    soundfile.write(tmp_path / "mean.wav", noise.mean(axis=1), 8000, subtype="FLOAT")
    found = read_sound(tmp_path / "a.wav", Window(), rate_hz)
    assert found.std() > 0.01
    np.testing.assert_allclose(found, read_sound(tmp_path / "mean.wav", Window(), rate_hz), atol=1e-5)


def notes_on(path, waveform, subtype="PCM_16", window=Window()):  # noqa: B008 - frozen
    soundfile.write(path, waveform, 8000, subtype=subtype)
    with collected_notes() as notes:
        found = read_sound(path, window, 8000)
    with collected_notes() as checked:
        check_sound(path)
    assert window != Window() or set(checked) == set(notes)
    return found, notes


SINE = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)


@pytest.mark.parametrize("peak", [1.5, 32_768.0])
def test_real_numbers_beyond_full_scale_are_divided_by_the_largest(tmp_path, peak):
    waveform = np.concatenate([0.5 * peak * SINE, peak * SINE])
    found, notes = notes_on(tmp_path / "a.wav", waveform, "FLOAT")
    np.testing.assert_allclose(found, waveform / np.abs(waveform).max(), atol=1e-6)
    assert f"divided by {np.abs(waveform).max():.3g}" in notes["beyond-full-scale"]
    part, _ = notes_on(tmp_path / "a.wav", waveform, "FLOAT", Window(0.0, 0.5))
    np.testing.assert_allclose(part, found[:4000], atol=1e-6)  # the scale is that of the file


def test_channels_that_cancel_are_noted(tmp_path):
    assert list(notes_on(tmp_path / "a.wav", np.stack([0.5 * SINE, -0.5 * SINE], 1))[1]) == ["opposite-phase"]
    assert notes_on(tmp_path / "a.wav", np.stack([0.5 * SINE, 0.2 * SINE], 1))[1] == {}


def test_clipped_and_silent_sounds_are_noted(tmp_path):
    loud = np.clip(3 * SINE, -1, 1)
    assert list(notes_on(tmp_path / "a.wav", loud)[1]) == ["clipped"]
    assert notes_on(tmp_path / "a.wav", SINE)[1] == {}  # it touches full scale and is not cut there
    assert list(notes_on(tmp_path / "a.wav", np.zeros(8000))[1]) == ["silent"]


def test_a_broadcast_may_change_its_channels(tmp_path):
    """Two streams of packets one after another, as recorders of television write them: stereo, then mono."""
    for name, channels in (("a", 2), ("b", 1)):
        with av.open(str(tmp_path / f"{name}.ts"), "w", format="mpegts") as container:
            stream = container.add_stream("mp2", rate=16_000, layout="stereo" if channels == 2 else "mono")
            wave = (0.5 * 32_767 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(
                np.repeat(wave, channels)[None], format="s16", layout="stereo" if channels == 2 else "mono"
            )
            frame.rate, frame.time_base, frame.pts = 16_000, Fraction(1, 16_000), 0 if channels == 2 else 16_000
            for packet in [*stream.encode(frame), *stream.encode()]:
                container.mux(packet)
    (tmp_path / "ab.ts").write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    found = read_sound(tmp_path / "ab.ts", Window(), 16_000)
    assert len(found) > 24_000
    for part in (found[2000:10_000], found[20_000:24_000]):
        assert part.std() == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


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
