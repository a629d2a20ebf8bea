from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.prepare.stored_array import StoredArray
from colliculus.corpus.storage_reader import StorageReader
from colliculus.media.clips import Clip
from colliculus.media.sound import read_sound
from colliculus.media.spectrogram import Spectrogram
from colliculus.media.window import Window
from colliculus.types import ColliculusError

ARRAY = StoredArray(shape=(1, 2, 2))


def test_arrays_of_a_clip_are_reported_apart_by_their_names(tmp_path):
    for number, name in enumerate(("walk.lidar.npy", "walk.radar.npy")):
        np.save(tmp_path / name, np.full((1, 2, 2), number))
    Image.fromarray(np.full((4, 4, 3), 9, np.uint8)).save(tmp_path / "walk.png")
    reader = StorageReader({"visual": Frames(size=(2, 2)), "lidar": ARRAY, "radar": ARRAY})
    clips = reader.group(sorted(tmp_path.iterdir()))
    assert list(clips) == ["walk"]
    arrays = reader.read(clips["walk"])
    assert {m: float(array.mean()) for m, array in arrays.items()} == {"visual": 9, "lidar": 0, "radar": 1}


def test_one_array_needs_no_name_of_its_modality(tmp_path):
    np.save(tmp_path / "v1.2.npy", np.ones((1, 2, 2)))
    reader = StorageReader({"lidar": ARRAY, "retina": EventFrames(sensor=(128, 128))})
    (clip,) = reader.group([tmp_path / "v1.2.npy"]).values()
    assert list(reader.read(clip)) == ["lidar"]
    assert reader.knows(Path("x.aedat"))


def test_two_files_for_one_modality_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((1, 2, 2)))
    np.savez(tmp_path / "a.npz", np.ones((1, 2, 2)))
    reader = StorageReader({"lidar": ARRAY})
    (clip,) = reader.group([tmp_path / "a.npy", tmp_path / "a.npz"]).values()
    with pytest.raises(ColliculusError, match="would both be 'lidar'"):
        reader.read(clip)


AUDIO = Spectrogram(sample_rate_hz=8000, n_fft=256, hop=64, size=(16, 24))
BOTH = StorageReader(
    {"audio": Sound(spectrogram=AUDIO, duration_s=None), "visual": Frames(size=(8, 12), channels=1, steps=5)}
)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_video_gives_both_modalities(shared_video, suffix):
    path = shared_video(f"clip{suffix}")
    arrays = BOTH.read(Clip((path,)))
    np.testing.assert_array_equal(arrays["audio"], AUDIO(read_sound(path, Window(), 8000)))
    assert arrays["visual"].shape == (5, 1, 8, 12)
    np.testing.assert_allclose(arrays["visual"].mean(axis=(1, 2, 3)), [40, 80, 120, 160, 200], atol=6)


def test_a_sound_file_goes_before_the_sound_of_the_video_and_an_image_before_its_frames(tmp_path, shared_video):
    soundfile.write(tmp_path / "clip.wav", np.zeros(8000), 8000)
    Image.fromarray(np.full((4, 4, 3), 60, np.uint8)).save(tmp_path / "clip.png")
    arrays = BOTH.read(Clip((shared_video("clip.mp4"), tmp_path / "clip.wav", tmp_path / "clip.png")))
    np.testing.assert_array_equal(arrays["audio"], AUDIO(np.zeros(8000, dtype=np.float32)))
    assert (arrays["visual"] == 60).all()  # a static image, at all steps


def test_what_a_clip_lacks_is_left_out(shared_video):
    assert list(BOTH.read(Clip((shared_video("silent.mp4"),)))) == ["visual"]
    assert list(BOTH.read(Clip((shared_video("blind.mp4"),)))) == ["audio"]
    with pytest.raises(ColliculusError, match=r"silent\.mp4 has none of the modalities audio: add a file of one"):
        StorageReader({"audio": BOTH.storages["audio"]}).read(Clip((shared_video("silent.mp4"),)))
