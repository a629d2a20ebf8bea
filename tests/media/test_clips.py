from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from colliculus.media.clips import Clip, MediaReader, VisualSettings
from colliculus.media.delta import SpectralDelta
from colliculus.media.reading import read_audio
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError

AUDIO = Spectrogram(sample_rate_hz=8000, n_fft=256, hop=64, size=(16, 24))
BOTH = MediaReader(AUDIO, VisualSettings(size=(8, 12)))
DELTA = SpectralDelta(spectrogram=AUDIO)


def test_one_stem_is_one_clip():
    files = [Path(name) for name in ("a/x.wav", "a/x.flv", "b/y.png", "a/z.MP4")]
    assert BOTH.group(files) == {
        "x": Clip((files[0], files[1])),
        "y": Clip((files[2],)),
        "z": Clip((files[3],)),
    }


def test_a_stem_in_several_folders_is_several_clips():
    files = [Path(name) for name in ("cat/1.wav", "dog/1.wav", "cat/1.png", "dog/1.png", "dog/1.png")]
    cat, dog = str(Path("cat/1")), str(Path("dog/1"))
    assert BOTH.group(files) == {cat: Clip((files[0], files[2])), dog: Clip((files[1], files[3]))}


def test_a_folder_of_sounds_and_one_of_pictures_are_joined():
    files = [Path(name) for name in ("pictures/1.jpg", "pictures/2.mp4", "sounds/1.wav", "sounds/3.wav")]
    assert BOTH.group(files) == {"1": Clip((files[0], files[2])), "2": Clip((files[1],)), "3": Clip((files[3],))}


@pytest.mark.parametrize(
    "names",
    [
        ("cat/1.wav", "cat/2.png", "dog/1.png"),
        ("cat/1.wav", "dog/1.png", "dog/2.wav"),
        ("sounds/1.wav", "drawings/1.png", "photographs/1.jpg"),
    ],
)
def test_a_stem_in_folders_of_another_order_is_a_clip_of_each(names):
    files = [Path(name) for name in names]
    clips = BOTH.group(files)
    assert sorted(clip.files for clip in clips.values()) == sorted((file,) for file in files)
    assert {str(file.with_suffix("")) for file in files if file.stem == "1"} == {name for name in clips if name != "2"}


@pytest.mark.parametrize("names", [("1.wav", "1.flac"), ("1.png", "1.jpg"), ("1.mp4", "1.png")])
def test_two_sounds_or_two_pictures_are_refused(names):
    with pytest.raises(ColliculusError, match=r"keep one of them"):
        BOTH.group([Path(name) for name in names])


def test_files_of_unknown_kind_are_refused_with_the_known_ones():
    with pytest.raises(ColliculusError, match=r"notes\.txt.*\.avi.*\.wav"):
        BOTH.group([Path("notes.txt")])
    with pytest.raises(ColliculusError, match=r"1\.wav"):
        MediaReader(None, VisualSettings()).group([Path("1.wav")])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".flv", ".webm"])
def test_a_video_gives_both_modalities(tmp_path, write_video, brightening, tone, suffix):
    path = tmp_path / f"clip{suffix}"
    write_video(path, brightening, tone)
    arrays = BOTH.read(Clip((path,)))
    np.testing.assert_array_equal(arrays["audio"], AUDIO(read_audio(path, 8000)))
    assert arrays["visual"].shape == (3, 8, 12)
    np.testing.assert_allclose(arrays["visual"], 120, atol=8)  # the middle one of ten frames


def test_a_sound_file_goes_before_the_sound_of_the_video(tmp_path, write_video, brightening, tone):
    write_video(tmp_path / "clip.mp4", brightening, tone)
    soundfile.write(tmp_path / "clip.wav", np.zeros(8000), 8000)
    arrays = BOTH.read(Clip((tmp_path / "clip.mp4", tmp_path / "clip.wav")))
    np.testing.assert_array_equal(arrays["audio"], AUDIO(np.zeros(8000, dtype=np.float32)))


def test_what_a_clip_lacks_is_left_out(tmp_path, write_video, brightening, tone):
    write_video(tmp_path / "silent.mp4", brightening)
    write_video(tmp_path / "blind.mp4", waveform=tone)
    assert list(BOTH.read(Clip((tmp_path / "silent.mp4",)))) == ["visual"]
    assert list(BOTH.read(Clip((tmp_path / "blind.mp4",)))) == ["audio"]
    with pytest.raises(ColliculusError, match=r"silent\.mp4 holds no sound"):
        MediaReader(AUDIO, None).read(Clip((tmp_path / "silent.mp4",)))
    with pytest.raises(ColliculusError, match=r"blind\.mp4 holds no picture"):
        MediaReader(None, VisualSettings()).read(Clip((tmp_path / "blind.mp4",)))


def test_the_change_of_the_sound_is_there_where_sound_is(tmp_path, write_video, brightening, tone):
    write_video(tmp_path / "whole.mp4", brightening, tone)
    write_video(tmp_path / "silent.mp4", brightening)
    reader = MediaReader(AUDIO, VisualSettings(size=(8, 12)), DELTA)
    arrays = reader.read(Clip((tmp_path / "whole.mp4",)))
    assert set(arrays) == {"audio", "visual", "delta"}
    np.testing.assert_array_equal(arrays["delta"], DELTA(read_audio(tmp_path / "whole.mp4", 8000)))
    assert list(reader.read(Clip((tmp_path / "silent.mp4",)))) == ["visual"]
    alone = MediaReader(None, None, DELTA)
    assert alone.knows(Path("1.wav"))
    assert list(alone.read(Clip((tmp_path / "whole.mp4",)))) == ["delta"]
    with pytest.raises(ColliculusError, match=r"silent\.mp4 holds no sound:"):
        alone.read(Clip((tmp_path / "silent.mp4",)))


def test_a_sequence_follows_the_video_and_an_image_stands_still(tmp_path, write_video, brightening):
    settings = VisualSettings(size=(8, 12), channels=1, steps=5)
    write_video(tmp_path / "clip.mkv", brightening)
    Image.fromarray(brightening[2]).save(tmp_path / "still.png")
    moving, still = settings(tmp_path / "clip.mkv"), settings(tmp_path / "still.png")
    assert moving.shape == still.shape == (5, 1, 8, 12)
    np.testing.assert_allclose(moving.mean(axis=(1, 2, 3)), [40, 80, 120, 160, 200], atol=6)
    assert (still == 60).all()


def test_grey_is_the_brightness_that_pillow_sees(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "colours.png")
    grey = VisualSettings(size=(8, 12), channels=1)(tmp_path / "colours.png")
    np.testing.assert_allclose(grey[0], np.asarray(Image.fromarray(colours).convert("L")), atol=1)
    assert np.array_equal(grey, np.rint(grey))


@pytest.mark.parametrize("wrong", [{"size": (0, 8)}, {"steps": 0}, {"steps": -1}, {"channels": 2}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ColliculusError, match="at least 1"):
        VisualSettings(**wrong)
