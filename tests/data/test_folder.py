from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from colliculus.data.folder import Folder
from colliculus.media.clips import VisualSettings
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError, DataSpec

SETTINGS = {
    "audio": Spectrogram(sample_rate_hz=8000, n_fft=256, hop=64, size=(8, 10)),
    "visual": VisualSettings(size=(6, 7)),
}


def write_sound(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, 800), 8000)


def write_picture(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 8), (level, level // 2, 0)).save(path)


def fill(folder: Path, clips: int, *, sound: bool = True, picture: bool = True) -> None:
    """Pairs of one stem in the two classes, whose pictures are dark and bright."""
    for label, name in enumerate(("big dog", "çat")):
        for i in range(clips):
            if sound:
                write_sound(folder / name / f"clip {i}.wav", 10 * label + i)
            if picture:
                write_picture(folder / name / f"clip {i}.png", 100 * label + 10 * i + 20)


@pytest.fixture
def root(tmp_path):
    fill(tmp_path / "train", 5)
    fill(tmp_path / "test", 2)
    return tmp_path


def test_split_folders_of_pairs(root):
    (root / "README.txt").write_text("about")
    (root / "train" / "big dog" / ".hidden.png").write_text("no picture")
    (root / "train" / "big dog" / "notes.txt").write_text("about")
    dataset = Folder(root=root, **SETTINGS).load()
    assert dataset.spec == DataSpec(
        channels={"audio": 1, "visual": 3},
        sizes={"audio": (8, 10), "visual": (6, 7)},
        num_classes=2,
        class_names=("big dog", "çat"),
    )
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (8, 2, 4)
    assert dataset.test.labels.tolist() == [0, 0, 1, 1]
    inputs = dataset.train.batch(np.arange(8), epoch=0).inputs
    for values in inputs.values():
        assert values.mean().item() == pytest.approx(0, abs=1e-5)
    assert inputs["visual"][:, 0].std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert (inputs["visual"][:, 2] == 0).all()  # a constant channel


def test_the_reader_gives_what_the_dataset_holds(root):
    settings = Folder(root=root, standardise=False, **SETTINGS)
    dataset = settings.load()
    reader = settings.reader(dataset.spec)
    clips = reader.group(sorted((root / "test" / "çat").iterdir()))
    assert list(clips) == ["clip 0", "clip 1"]
    batch = dataset.test.batch(np.array([2]), epoch=0)
    for modality, array in reader.read(clips["clip 0"]).items():
        np.testing.assert_array_equal(batch.inputs[modality][0].numpy(), array)


def test_classes_alone_are_split_at_random_but_fixed(tmp_path):
    fill(tmp_path, 10)
    first, again, other = (Folder(root=tmp_path, seed=seed, **SETTINGS).load() for seed in (0, 0, 1))
    assert (len(first.train), len(first.validation), len(first.test)) == (14, 2, 4)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert first.protocol == "random test of each class"
    parts = (first.train, first.validation, first.test)
    assert all(np.bincount(part.labels).tolist() == [len(part) // 2] * 2 for part in parts)
    seen = [part.batch(np.arange(len(part)), epoch=0).inputs["visual"][:, 0, 0, 0].numpy() for part in parts]
    assert len(np.unique(np.concatenate(seen))) == 20  # every clip in exactly one part


def test_a_validation_folder_is_used(root):
    fill(root / "validation", 3)
    dataset = Folder(root=root, **SETTINGS).load()
    assert (len(dataset.train), len(dataset.validation), dataset.protocol) == (10, 6, "given")


@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_a_modality_that_no_clip_holds_is_left_out(tmp_path, modality):
    for split in ("train", "test"):
        fill(tmp_path / split, 3, sound=modality == "audio", picture=modality == "visual")
    settings = Folder(root=tmp_path, **SETTINGS)
    dataset = settings.load()
    assert dataset.spec.modalities == (modality,)
    assert list(dataset.test.batch(np.arange(2), epoch=0).inputs) == [modality]
    reader = settings.reader(dataset.spec)
    assert (reader.audio is None, reader.visual is None) == (modality == "visual", modality == "audio")


@pytest.mark.parametrize("suffix", [".wav", ".png"])
def test_what_a_clip_lacks_is_the_training_mean(root, suffix):
    complete = Folder(root=root, **SETTINGS).load()
    (root / "test" / "çat" / f"clip 1{suffix}").unlink()
    dataset = Folder(root=root, **SETTINGS).load()
    lacking, held = ("audio", "visual") if suffix == ".wav" else ("visual", "audio")
    inputs, whole = (data.test.batch(np.array([3, 0]), epoch=0).inputs for data in (dataset, complete))
    assert inputs[lacking][0].abs().max() < 1e-6
    assert inputs[held].equal(whole[held])
    assert inputs[lacking][1].equal(whole[lacking][1])
    assert dataset.normalisation == complete.normalisation
    raw = Folder(root=root, standardise=False, **SETTINGS).load()
    assert (raw.test.batch(np.array([3]), epoch=0).inputs[lacking] == 0).all()


def test_statistics_are_those_of_the_clips_that_hold_the_modality(root):
    (root / "train" / "çat" / "clip 0.png").unlink()
    dataset = Folder(root=root, **SETTINGS).load()
    raw = Folder(root=root, standardise=False, **SETTINGS).load().train
    visual = raw.batch(np.arange(len(raw)), epoch=0).inputs["visual"][:, 0].numpy()
    held = visual[visual.any(axis=(1, 2))]
    assert dataset.normalisation.mean["visual"][0] == pytest.approx(held.mean())
    assert len(held) in (7, 8)


def test_videos_become_sequences(tmp_path, write_video, brightening, tone):
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(2):
                write_video(tmp_path / split / name / f"{i}.mkv", brightening, tone)
    audio = Spectrogram(sample_rate_hz=8000, n_fft=256, hop=64, size=(8, 10), steps=4)
    visual = VisualSettings(size=(6, 7), channels=1, steps=5)
    dataset = Folder(root=tmp_path, audio=audio, visual=visual).load()
    assert dataset.spec.steps == {"audio": 4, "visual": 5}
    inputs = dataset.train.batch(np.arange(2), epoch=0).inputs
    assert {m: tuple(x.shape) for m, x in inputs.items()} == {"audio": (4, 2, 1, 8, 10), "visual": (5, 2, 1, 6, 7)}
    assert (inputs["visual"].mean(dim=(1, 2, 3, 4)).diff() > 0).all()


def test_a_damaged_clip_stops_or_is_skipped(root):
    complete = Folder(root=root, **SETTINGS).load()
    (root / "train" / "çat" / "clip 3.wav").write_bytes(b"RIFF and nothing else")
    with pytest.raises(ColliculusError, match=r"clip 3\.wav cannot be decoded"):
        Folder(root=root, **SETTINGS).load()
    with pytest.warns(UserWarning, match=r"1 of 14 clips are left out; the first: .*clip 3\.wav"):
        dataset = Folder(root=root, on_error="skip", **SETTINGS).load()
    assert len(dataset.train) + len(dataset.validation) == 9
    assert dataset.fingerprint != complete.fingerprint


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("*/*/*.*", r"none of the 14 clips can be read; the first: .*clip 0"),
        ("train/çat/*.*", r"no clip of the class 'çat' is left"),
        ("test/*/*.*", r"too few clips can be read"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*clips are left out:UserWarning")
def test_skipping_must_leave_enough(root, pattern, message):
    for path in root.glob(pattern):
        path.write_bytes(b"damaged")
    with pytest.raises(ColliculusError, match=message):
        Folder(root=root, on_error="skip", **SETTINGS).load()


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _nest(root: Path) -> None:
    write_picture(root / "train" / "çat" / "more" / "1.png", 3)


def _rename(root: Path) -> None:
    (root / "test" / "çat").rename(root / "test" / "cat")


def _link(root: Path) -> None:
    outside = root.parent / f"{root.name} outside"
    write_picture(outside / "1.png", 3)
    (root / "train" / "çat" / "1.png").symlink_to(outside / "1.png")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: _remove(root / "train" / "çat"), r"çat holds no clip: put files into it \(.*\.wav"),
        (_nest, r"more is a folder inside a class"),
        (_rename, r"cat has no clips in train"),
        (_link, r"1\.png is a link that leaves"),
        (lambda root: (root / "test").rename(root / "testing"), "no folder 'test'"),
        (lambda root: (root / "val").mkdir(), "val is no part of a data set"),
        (lambda root: write_sound(root / "train" / "çat" / "clip 1.flac", 0), r"keep one of them"),
    ],
)
def test_layouts_that_are_not_understood_are_one_clear_sentence(root, change, message):
    change(root)
    with pytest.raises(ColliculusError, match=message) as caught:
        Folder(root=root, **SETTINGS).load()
    assert "\n" not in str(caught.value)


def test_a_root_is_needed_and_two_classes(tmp_path):
    with pytest.raises(ColliculusError, match=r"--data\.root ROOT"):
        Folder().load()
    with pytest.raises(ColliculusError, match=r"holds 0 class folder\(s\)"):
        Folder(root=tmp_path).load()
    write_picture(tmp_path / "only" / "1.png", 3)
    with pytest.raises(ColliculusError, match=r"holds 1 class folder\(s\)"):
        Folder(root=tmp_path).load()


@pytest.mark.parametrize("wrong", [{"test_fraction": 0.0}, {"validation_fraction": 1.0}, {"seed": -1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ColliculusError, match="`test_fraction` and"):
        Folder(**wrong)
