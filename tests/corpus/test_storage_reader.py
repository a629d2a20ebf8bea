from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.storage import Frames
from colliculus.corpus.prepare.stored_array import StoredArray
from colliculus.corpus.storage_reader import StorageReader
from colliculus.types import ColliculusError

ARRAY = StoredArray(shape=(1, 2, 2))


def test_arrays_of_a_clip_are_told_apart_by_their_names(tmp_path):
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
