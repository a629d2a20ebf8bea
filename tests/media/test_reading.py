from __future__ import annotations

import numpy as np
import pytest
import soundfile
from PIL import Image

from colliculus.media.reading import read_audio, read_frames, read_image, tracks
from colliculus.types import ColliculusError

VIDEOS = [".mp4", ".mkv", ".avi", ".flv", ".webm"]


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("channels", [1, 2])
def test_lossless_sound_equals_soundfile(tmp_path, suffix, channels):
    path = tmp_path / f"noise{suffix}"
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, (4000, channels))
    soundfile.write(path, noise, 8000, subtype="PCM_16")
    expected, _ = soundfile.read(path, always_2d=True)
    waveform = read_audio(path, 8000)
    assert waveform.dtype == np.float32
    np.testing.assert_allclose(waveform, expected.mean(axis=1), atol=1e-6)


def test_sound_is_resampled_without_changing_its_pitch_or_loudness(tmp_path, tone):
    soundfile.write(tmp_path / "tone.wav", tone, 48_000)
    waveform = read_audio(tmp_path / "tone.wav", 16_000)
    assert abs(len(waveform) - 16_000) <= 32
    assert np.abs(np.fft.rfft(waveform[:16_000], 16_000)).argmax() == 440
    assert waveform[1000:15_000].std() == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("suffix", VIDEOS)
def test_sound_and_picture_of_one_video(tmp_path, write_video, brightening, tone, suffix):
    path = tmp_path / f"clip{suffix}"
    write_video(path, brightening, tone)
    assert tracks(path) == {"audio", "video"}
    waveform = read_audio(path, 16_000)
    assert np.abs(np.fft.rfft(waveform[:16_000], 16_000)).argmax() == pytest.approx(440, abs=2)
    frames = read_frames(path, 10)
    assert frames.shape == (10, 32, 48, 3)
    np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), np.arange(10) * 20 + 20, atol=6)


@pytest.mark.parametrize(("count", "expected"), [(1, [5]), (2, [2, 7]), (5, [1, 3, 5, 7, 9]), (20, np.arange(20) // 2)])
def test_frames_are_the_middles_of_equal_parts(tmp_path, write_video, brightening, count, expected):
    write_video(tmp_path / "clip.mkv", brightening)
    levels = read_frames(tmp_path / "clip.mkv", count).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(levels, np.asarray(expected) * 20 + 20, atol=6)


def test_an_animated_gif_is_a_video(tmp_path, write_video, brightening):
    write_video(tmp_path / "clip.gif", brightening)
    assert read_frames(tmp_path / "clip.gif", 3).shape == (3, 32, 48, 3)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "CMYK", "LA"])
def test_every_kind_of_image_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    Image.new("RGB", (6, 4), (255, 255, 255)).convert(mode).save(path)
    image = read_image(path)
    assert image.shape == (4, 6, 3)
    assert image.dtype == np.uint8
    assert (image == 255).all()


def test_sixteen_bit_image_is_scaled_and_not_clipped(tmp_path):
    Image.fromarray(np.array([[0, 0x8000, 0xFFFF]], dtype=np.uint16)).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 128, 255]


def test_image_is_turned_upright(tmp_path):
    picture = Image.fromarray(np.array([[[250, 0, 0], [0, 0, 250]]], dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    picture.save(tmp_path / "turned.png", exif=exif)
    assert read_image(tmp_path / "turned.png")[:, 0].tolist() == [[250, 0, 0], [0, 0, 250]]


READERS = {
    "clip.wav": lambda path: read_audio(path, 8000),
    "clip.mp4": lambda path: read_frames(path, 2),
    "clip.png": read_image,
    "clip.webm": tracks,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is no file"),
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"this is no media file at all", "cannot be decoded"),
    ],
    ids=["missing", "empty", "pointer", "text"],
)
def test_what_is_no_media_is_named(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ColliculusError, match=message) as caught:
        READERS[name](tmp_path / name)
    assert name in str(caught.value)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ColliculusError, match="is no file"):
        read_image(tmp_path)


def test_unusable_tracks_are_named(tmp_path, write_video, brightening, tone):
    write_video(tmp_path / "silent.mp4", brightening)
    write_video(tmp_path / "blind.mp4", waveform=tone)
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0), 8000)
    soundfile.write(tmp_path / "slow.wav", np.zeros(5), 1)
    soundfile.write(tmp_path / "fast.wav", np.zeros(5), 200_000_000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    with pytest.raises(ColliculusError, match=r"silent\.mp4 holds no sound"):
        read_audio(tmp_path / "silent.mp4", 8000)
    with pytest.raises(ColliculusError, match=r"blind\.mp4 holds no picture"):
        read_frames(tmp_path / "blind.mp4", 1)
    with pytest.raises(ColliculusError, match=r"nothing\.wav holds no sound"):
        read_audio(tmp_path / "nothing.wav", 8000)
    with pytest.raises(ColliculusError, match=r"slow\.wav states a sample rate of 1 Hz"):
        read_audio(tmp_path / "slow.wav", 8000)
    with pytest.raises(ColliculusError, match=r"fast\.wav states a sample rate of 200000000 Hz"):
        read_audio(tmp_path / "fast.wav", 8000)
    with pytest.raises(ColliculusError, match="not numbers"):
        read_audio(tmp_path / "nan.wav", 8000)


def test_a_truncated_flv_gives_what_is_there(tmp_path, write_video, brightening):
    write_video(tmp_path / "whole.flv", brightening)
    content = (tmp_path / "whole.flv").read_bytes()
    (tmp_path / "cut.flv").write_bytes(content[: len(content) * 3 // 4])
    assert read_frames(tmp_path / "cut.flv", 2).mean() < read_frames(tmp_path / "whole.flv", 2).mean()


@pytest.mark.parametrize("suffix", [*VIDEOS, ".wav", ".flac", ".png", ".jpg", ".gif"])
def test_damaged_files_give_a_sample_or_name_themselves(tmp_path, write_video, brightening, tone, suffix):
    whole, damaged = tmp_path / f"whole{suffix}", tmp_path / f"damaged{suffix}"
    if suffix in {".wav", ".flac"}:
        soundfile.write(whole, tone[:4000], 8000)
    elif suffix in {".png", ".jpg"}:
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)).save(whole)
    else:
        write_video(whole, brightening, None if suffix == ".gif" else tone[:9600])
    content = np.frombuffer(whole.read_bytes(), dtype=np.uint8)
    rng = np.random.default_rng(list(suffix.encode()))
    outcomes = []
    for trial in range(30):
        changed = content.copy()
        if trial % 3 == 0:
            changed = changed[: rng.integers(1, len(changed))]
        else:
            where = rng.integers(0, len(changed) if trial % 3 == 1 else 200, size=8)
            changed[where] ^= (1 << rng.integers(0, 8, size=8)).astype(np.uint8)
        damaged.write_bytes(changed.tobytes())
        for read in READERS.values():
            try:
                read(damaged)
                outcomes.append("sample")
            except ColliculusError as error:
                outcomes.append(str(error))
    errors = [outcome for outcome in outcomes if outcome != "sample"]
    assert 0 < len(errors) < len(outcomes)
    assert all(damaged.name in error and "\n" not in error for error in errors)
