"""Single samples in array files, read for a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_arrays import save, write_root

from colliculus.data.arrays import Arrays
from colliculus.media.array_files import ArrayReader
from colliculus.media.clips import Clip
from colliculus.types import ColliculusError, DataSpec

SPEC = DataSpec(
    channels={"sound": 1, "touch": 2}, sizes={"sound": (5, 4), "touch": (6, 7)}, steps={"touch": 3}, num_classes=2
)


@pytest.fixture
def root(tmp_path):
    write_root(tmp_path)
    return tmp_path


def test_the_test_folder_is_read_sample_by_sample(root):
    reader = Arrays(root=root).reader(SPEC)
    save(root, "test", group=np.array(list("aabbcc")))
    clips = reader.group(sorted((root / "test").iterdir()))
    assert list(clips) == [f"test[{i}]" for i in range(6)]
    arrays = reader.read(clips["test[4]"])
    for modality in ("sound", "touch"):
        np.testing.assert_array_equal(
            arrays[modality], np.load(root / "test" / f"{modality}.npy")[4].astype(np.float32)
        )
        assert arrays[modality].dtype == np.float32


def test_single_samples_are_named_by_file_or_folder(tmp_path):
    sound, touch = np.ones((1, 5, 4)), np.full((3, 2, 6, 7), 2)
    save(tmp_path, "cat", sound=sound)
    save(tmp_path, ".", **{"dog.sound": sound, "dog.touch": touch, "two.birds.touch": np.stack([touch, touch])})
    np.savez(tmp_path / "cow.npz", sound=sound, touch=touch)
    reader = ArrayReader(SPEC)
    files = sorted([*tmp_path.glob("*.np*"), tmp_path / "cat" / "sound.npy"])
    clips = reader.group(files)
    assert set(clips) == {"cat", "dog", "two.birds[0]", "two.birds[1]", "cow"}
    assert {name: sorted(reader.read(clip)) for name, clip in clips.items()} == {
        "cat": ["sound"],
        "dog": ["sound", "touch"],
        "two.birds[0]": ["touch"],
        "two.birds[1]": ["touch"],
        "cow": ["sound", "touch"],
    }
    np.testing.assert_array_equal(reader.read(clips["cow"])["touch"], touch)


def test_array_files_are_known_by_their_suffix():
    files = [Path(name) for name in ("sound.npy", "dog.npz", "Thumbs.db", "notes.txt", "npy")]
    assert [ArrayReader(SPEC).knows(file) for file in files] == [True, True, False, False, False]


def test_sets_of_one_name_are_named_by_their_paths(tmp_path):
    for parent in ("a", "b"):
        save(tmp_path / parent, "same", sound=np.zeros((1, 5, 4)))
    clips = ArrayReader(SPEC).group([tmp_path / parent / "same" / "sound.npy" for parent in ("a", "b")])
    assert set(clips) == {str(tmp_path / "a" / "same"), str(tmp_path / "b" / "same")}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"sound": np.zeros((2, 5, 4))}, r"give one sample \(1, 5, 4\), or n samples"),
        ({"touch": np.zeros((4, 2, 6, 7))}, r"give one sample \(3, 2, 6, 7\)"),
        ({"smell": np.zeros((1, 5, 4))}, r"smell\.npy holds 'smell', and the model takes sound\.npy, touch\.npy"),
        ({"label": np.zeros(3, int)}, r"none of the files holds a modality of the model"),
        ({"sound": np.zeros((1, 5, 4), complex)}, "complex128"),
        ({"sound": np.zeros((4, 1, 5, 4)), "touch": np.zeros((2, 3, 2, 6, 7))}, "differ in number"),
        ({"sound": np.zeros((4, 1, 5, 4)), "touch": np.zeros((3, 2, 6, 7))}, "differ in number"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(tmp_path, arrays, message):
    folder = save(tmp_path, "mine", **arrays)
    with pytest.raises(ColliculusError, match=message):
        ArrayReader(SPEC).group(sorted(folder.iterdir()))


@pytest.mark.parametrize("value", [np.inf, 1e39])
def test_values_that_are_not_finite_and_other_kinds_of_file_are_refused(tmp_path, value):
    folder = save(tmp_path, "mine", sound=np.full((1, 5, 4), value))
    with pytest.raises(ColliculusError, match="not finite"):
        ArrayReader(SPEC).read(Clip((folder / "sound.npy",)))
    with pytest.raises(ColliculusError, match=r"a\.wav has an unknown ending"):
        ArrayReader(SPEC).group([Path("a.wav")])
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(ColliculusError, match=r"x\.npz cannot be decoded"):
        ArrayReader(SPEC).group([tmp_path / "x.npz"])
