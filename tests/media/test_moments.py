from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from colliculus.media.moments import Window, media_length_s, read_pictures, read_sound
from colliculus.types import ColliculusError

VIDEOS = [".mp4", ".mkv", ".avi", ".flv", ".webm"]


def levels(path, window=Window(), *, count, rate_hz=None):  # noqa: B008 - frozen
    return np.array([frame.mean() for frame in read_pictures(path, window, count=count, rate_hz=rate_hz)])


def expected(frames):
    """The grey of the frames of `brightening`."""
    return np.asarray(frames) * 20 + 20


@pytest.mark.parametrize("suffix", VIDEOS)
def test_frames_are_those_on_the_screen_at_the_middles(tmp_path, write_video, brightening, tone, suffix):
    path = tmp_path / f"clip{suffix}"
    write_video(path, brightening, tone)
    off = 26 if suffix in (".avi", ".flv") else 6  # their writers stamp a frame, or 21 ms, later
    np.testing.assert_allclose(levels(path, count=5), expected([1, 3, 5, 7, 9]), atol=off)
    np.testing.assert_allclose(levels(path, Window(0.2, 0.6), count=2), expected([3, 5]), atol=off)
    np.testing.assert_allclose(levels(path, Window(0.4), count=3, rate_hz=2.4), expected([4, 8, 9]), atol=off)
    assert media_length_s(path) == pytest.approx(1.0, abs=0.15)


def test_uneven_time_stamps_decide(tmp_path):
    """Five frames that stay for 1, 1, 1, 1 and 6 tenths of a second: by counting, the middle one would be shown."""
    with av.open(str(tmp_path / "clip.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 10)
        for level, at in zip((20, 60, 100, 140, 180, 180), (0, 1, 2, 3, 4, 9), strict=True):
            frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), level, np.uint8), format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    np.testing.assert_allclose(levels(tmp_path / "clip.mkv", count=1), 180, atol=6)
    np.testing.assert_allclose(levels(tmp_path / "clip.mkv", count=5), [60, 140, 180, 180, 180], atol=6)


@pytest.mark.parametrize("suffix", VIDEOS)
def test_a_moment_far_into_a_long_clip_is_what_a_short_clip_of_it_shows(tmp_path, write_video, suffix):
    path, rate_hz = tmp_path / f"long{suffix}", 48_000
    grey = np.arange(45, dtype=np.uint8) * 5
    frames = np.broadcast_to(grey[:, None, None, None], (45, 32, 48, 3)).copy()
    time = np.arange(9 * rate_hz) / rate_hz
    sound = (0.5 * np.sin(2 * np.pi * np.where(time < 6, 300, 900) * time)).astype(np.float32)
    write_video(path, frames, sound, fps=5)
    window = Window(6.0, 9.0)
    np.testing.assert_allclose(
        levels(path, window, count=3), grey[[32, 37, 42]], atol=9 if suffix in (".avi", ".flv") else 6
    )
    heard = read_sound(path, window, 16_000)
    assert len(heard) == pytest.approx(48_000, abs=1)
    spectrum = np.abs(np.fft.rfft(heard[1600:46_400]))
    assert spectrum.argmax() * 16_000 / 44_800 == pytest.approx(900, abs=3)
    assert heard[4000:44_000].std() == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("start", [0.0, 0.5, 3.7])
def test_a_segment_of_a_lossless_sound_is_its_samples(tmp_path, start):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * 8000)
    soundfile.write(tmp_path / "noise.wav", noise, 8000, subtype="FLOAT")
    heard = read_sound(tmp_path / "noise.wav", Window(start, start + 1.0), 8000)
    first = round(start * 8000)
    np.testing.assert_allclose(heard, noise[first : first + 8000], atol=1e-6)


def test_sound_and_picture_share_a_clock(tmp_path):
    """A sound track that begins half a second after the pictures: its first half second is silence."""
    path, rate_hz = tmp_path / "late.mkv", 16_000
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.height, pictures.width, pictures.pix_fmt = 32, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=rate_hz, layout="mono")
        for level in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), level, np.uint8), format="rgb24")
            container.mux(pictures.encode(frame))
        samples = np.full((1, rate_hz // 2), 8000, np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.rate, frame.time_base, frame.pts = rate_hz, Fraction(1, rate_hz), rate_hz // 2
        container.mux(sound.encode(frame))
        container.mux(pictures.encode())
        container.mux(sound.encode())
    heard = read_sound(path, Window(duration_s=1.0), rate_hz)
    assert np.abs(heard[: rate_hz // 2 - 40]).max() == 0
    np.testing.assert_allclose(heard[rate_hz // 2 + 40 :], 8000 / 32768, atol=1e-4)


@pytest.mark.parametrize(
    ("window", "found"),
    [
        (Window(), [0.25, 0.75]),
        (Window(None, None, 0.5), [0.125, 0.375]),
        (Window(None, None, 4.0), [1.0, 3.0]),
        (Window(0.5), [0.625, 0.875]),
        (Window(0.2, 0.6), [0.3, 0.5]),
        (Window(0.2, 0.6, 4.0), [0.6, 0.6]),
    ],
    ids=str,
)
def test_moments_of_a_window(window, found):
    assert window.moments(2, None, file_s=1.0) == pytest.approx(found)


def test_what_is_cut_off_is_named(tmp_path, write_video, brightening, tone):
    frames = np.concatenate([brightening] * 4)
    for suffix in VIDEOS:
        write_video(tmp_path / f"whole{suffix}", frames, np.tile(tone, 4))
        content = (tmp_path / f"whole{suffix}").read_bytes()
        (tmp_path / f"cut{suffix}").write_bytes(content[: len(content) // 2])
        with pytest.raises(ColliculusError, match=r"cut\.\w+ (states .* and holds|cannot be decoded)"):
            read_pictures(tmp_path / f"cut{suffix}", Window(), count=1, rate_hz=None)
    for suffix in (".wav", ".flac"):
        soundfile.write(tmp_path / f"whole{suffix}", np.random.default_rng(0).uniform(-1, 1, 32_000), 8000)
        content = (tmp_path / f"whole{suffix}").read_bytes()
        (tmp_path / f"cut{suffix}").write_bytes(content[: len(content) // 2])
        with pytest.raises(ColliculusError, match=r"cut\.\w+ (states .* and holds|cannot be decoded)"):
            read_sound(tmp_path / f"cut{suffix}", Window(), 8000)


def test_a_sample_that_begins_after_the_end_is_named(tmp_path, write_video, brightening, tone):
    write_video(tmp_path / "clip.mp4", brightening, tone)
    with pytest.raises(ColliculusError, match=r"clip\.mp4 ends at 1\.\d+ s and the sample begins at 7 s"):
        read_pictures(tmp_path / "clip.mp4", Window(7.0), count=1, rate_hz=None)
    with pytest.raises(ColliculusError, match="the sample begins at 7 s"):
        read_sound(tmp_path / "clip.mp4", Window(7.0, 9.0), 8000)


def test_a_missing_or_an_empty_track_is_named(tmp_path, write_video, brightening, tone):
    write_video(tmp_path / "silent.mp4", brightening)
    write_video(tmp_path / "blind.mp4", waveform=tone)
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0), 8000)
    soundfile.write(tmp_path / "fast.wav", np.zeros(5), 200_000_000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    with pytest.raises(ColliculusError, match=r"silent\.mp4 holds no sound"):
        read_sound(tmp_path / "silent.mp4", Window(), 8000)
    with pytest.raises(ColliculusError, match=r"blind\.mp4 holds no picture"):
        read_pictures(tmp_path / "blind.mp4", Window(), count=1, rate_hz=None)
    with pytest.raises(ColliculusError, match=r"nothing\.wav holds no sound"):
        read_sound(tmp_path / "nothing.wav", Window(), 8000)
    with pytest.raises(ColliculusError, match=r"fast\.wav states a sample rate"):
        read_sound(tmp_path / "fast.wav", Window(), 8000)
    with pytest.raises(ColliculusError, match="not numbers"):
        read_sound(tmp_path / "nan.wav", Window(), 8000)
