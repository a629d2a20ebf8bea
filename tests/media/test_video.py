from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from raw_trees import grey, write_video

from colliculus.media.lengths import media_length_s
from colliculus.media.sound import read_sound
from colliculus.media.video import read_frames
from colliculus.media.window import Window
from colliculus.types import ColliculusError

VIDEOS = [".mp4", ".mkv", ".avi", ".flv", ".webm"]


def levels(path, window=Window(), *, count, rate_hz=None):  # noqa: B008 - frozen
    return np.array([frame.mean() for frame in read_frames(path, window, count=count, rate_hz=rate_hz)])


def expected(frames):
    """Grey levels of the frames of `brightening`."""
    return np.asarray(frames) * 20 + 20


@pytest.mark.parametrize("suffix", VIDEOS)
def test_frames_are_those_on_the_screen_at_the_middles(shared_video, suffix):
    path = shared_video(f"clip{suffix}")
    off = 26 if suffix in (".avi", ".flv") else 6  # their writers stamp a frame, or 21 ms, later
    np.testing.assert_allclose(levels(path, count=5), expected([1, 3, 5, 7, 9]), atol=off)
    np.testing.assert_allclose(levels(path, Window(0.2, 0.6), count=2), expected([3, 5]), atol=off)
    np.testing.assert_allclose(levels(path, Window(0.4), count=3, rate_hz=2.4), expected([4, 8, 9]), atol=off)
    assert media_length_s(path) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(("count", "frames"), [(1, [5]), (2, [2, 7]), (20, np.arange(20) // 2)])
def test_frames_are_the_middles_of_equal_parts(shared_video, count, frames):
    np.testing.assert_allclose(levels(shared_video("silent.mkv"), count=count), expected(frames), atol=6)


def test_an_animated_gif_is_a_video(shared_video):
    frames = read_frames(shared_video("clip.gif"), Window(), count=3, rate_hz=None)
    assert [frame.shape for frame in frames] == [(32, 48, 3)] * 3
    assert frames[0].mean() < frames[1].mean() < frames[2].mean()


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


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_frames_that_a_decoder_holds_back_until_the_end_keep_their_times(tmp_path, codec):
    """A decoder that reorders gives its last frames after the last packet."""
    shown, at = [20, 60, 100, 140, 180, 220], [0, 1, 2, 20, 40, 60]
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        stream.codec_context.max_b_frames = 2
        stream.time_base = stream.codec_context.time_base = Fraction(1, 10)
        for level, moment in zip(shown, at, strict=True):
            frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), level, np.uint8), format="rgb24")
            frame.pts, frame.time_base = moment, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert levels(tmp_path / "clip.mp4", Window(2.0), count=3, rate_hz=0.5) == pytest.approx([140, 180, 220], abs=6)


@pytest.mark.parametrize("suffix", VIDEOS)
def test_a_moment_far_into_a_long_clip_is_what_a_short_clip_of_it_shows(tmp_path, suffix):
    path, rate_hz = tmp_path / f"long{suffix}", 48_000
    time_s = np.arange(9 * rate_hz) / rate_hz
    sound = (0.5 * np.sin(2 * np.pi * np.where(time_s < 6, 300, 900) * time_s)).astype(np.float32)
    shown = np.arange(45, dtype=np.uint8) * 5
    write_video(path, grey(shown, (32, 48)), sound, fps=5)
    window = Window(6.0, 9.0)
    off = 9 if suffix in (".avi", ".flv") else 6
    np.testing.assert_allclose(levels(path, window, count=3), shown[[32, 37, 42]], atol=off)
    waveform = read_sound(path, window, 16_000)
    assert len(waveform) == pytest.approx(48_000, abs=1)
    spectrum = np.abs(np.fft.rfft(waveform[1600:46_400]))
    assert spectrum.argmax() * 16_000 / 44_800 == pytest.approx(900, abs=3)
    assert waveform[4000:44_000].std() == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_a_missing_track_and_a_window_after_the_end_are_named(shared_video):
    with pytest.raises(ColliculusError, match=r"blind\.mp4 holds no images: give a file with a video track"):
        read_frames(shared_video("blind.mp4"), Window(), count=1, rate_hz=None)
    with pytest.raises(ColliculusError, match=r"clip\.mp4 ends at 1\.\d+ s and the sample begins at 7 s"):
        read_frames(shared_video("clip.mp4"), Window(7.0), count=1, rate_hz=None)
