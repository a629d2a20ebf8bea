from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_folder import fill, write_image, write_late_clip, write_sound

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.data.folder import Folder
from colliculus.data.prepared import Prepared
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError, DataSpec

CLIPS = FolderRecipe(
    audio=Sound(spectrogram=Spectrogram(sample_rate_hz=8000, n_fft=256, hop=64, size=(8, 10)), duration_s=None),
    visual=Frames(size=(6, 7)),
)


@pytest.fixture
def root(tmp_path):
    fill(tmp_path / "clips" / "train", 5)
    fill(tmp_path / "clips" / "test", 2, first=5)
    return tmp_path / "clips"


@pytest.fixture
def folder(root, tmp_path):
    return Folder(root=root, cache=tmp_path / "cache", clips=CLIPS)


def whole(split):
    return split.batch(np.arange(len(split)), epoch=0)


def test_split_folders_of_pairs(root, folder):
    (root / "README.txt").write_text("about")
    (root / "train" / "big dog" / ".hidden.png").write_text("no image")
    (root / "train" / "big dog" / "notes.txt").write_text("about")
    dataset = folder.load()
    assert dataset.spec == DataSpec(
        channels={"audio": 1, "visual": 3},
        sizes={"audio": (8, 10), "visual": (6, 7)},
        num_classes=2,
        class_names=("big dog", "çat"),
    )
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (8, 2, 4)
    assert dataset.protocol.startswith("given")
    assert dataset.test.labels.tolist() == [0, 0, 1, 1]
    inputs = whole(dataset.train).inputs
    for values in inputs.values():
        assert values.mean().item() == pytest.approx(0, abs=1e-5)
    assert inputs["visual"][:, 0].std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert (inputs["visual"][:, 2] == 0).all()  # a constant channel


def test_the_same_clips_are_the_same_data_in_all_three_ways(tmp_path):
    """Folder, `prepare folder` and the reader of `predict`: equal arrays, spec, statistics and fingerprint."""
    for split, name, i in [(s, n, i) for s in ("train", "test") for n in ("a", "b") for i in range(3)]:
        write_late_clip(tmp_path / "raw" / split / name / f"{i}.mkv", 60 * (name == "b") + 5 * i, 300 + 100 * i)
    sound = replace(CLIPS.audio, spectrogram=replace(CLIPS.audio.spectrogram, steps=4))
    clips = replace(CLIPS, visual=Frames(size=(6, 7), steps=5), audio=sound)
    folder = Folder(root=tmp_path / "raw", cache=tmp_path / "cache", clips=clips)
    prepare(clips, tmp_path / "raw", tmp_path / "prepared", jobs=0)
    ours, theirs = folder.load(), Prepared(root=tmp_path / "prepared").load()
    for name in ("spec", "normalisation", "protocol", "fingerprint", "stored"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.spec.steps == {"audio": 4, "visual": 5}
    for part in ("train", "validation", "test"):
        mine, other = whole(getattr(ours, part)), whole(getattr(theirs, part))
        assert mine.labels.equal(other.labels)
        assert all(x.equal(other.inputs[m]) for m, x in mine.inputs.items())
    assert (whole(ours.train).inputs["visual"].mean(dim=(2, 3, 4)).diff(dim=0) > 0).all()
    reader = folder.reader(ours.spec)
    clip = reader.group([tmp_path / "raw" / "test" / "b" / "2.mkv"])["2"]
    read = {m: ours.normalisation(m, array) for m, array in reader.read(clip).items()}
    last = ours.test[len(ours.test) - 1][0]
    assert set(read) == set(last) == {"audio", "visual"}
    for m, array in read.items():
        np.testing.assert_array_equal(last[m].numpy(), array)


def test_the_cache_is_used_again_until_clips_or_settings_change(root, folder, tmp_path, monkeypatch):
    first = folder.load().fingerprint
    (cached,) = [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    made = (cached / "audio.npy").stat().st_mtime_ns
    with monkeypatch.context() as context:
        context.setattr("colliculus.data.folder.prepare", lambda *_args, **_options: pytest.fail("prepared again"))
        assert folder.load().fingerprint == first
    assert (cached / "audio.npy").stat().st_mtime_ns == made
    replace(folder, clips=replace(CLIPS, visual=Frames(size=(3, 3)))).load()
    write_image(root / "train" / "çat" / "clip 1.png", 7)
    assert folder.load().fingerprint != first
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 3


def test_a_stopped_preparation_goes_on(folder, monkeypatch):
    done: list[int] = []

    def stop(count, _total):
        done.append(count)
        if count == 5:
            raise KeyboardInterrupt

    def watched(recipe, raw, out, *, progress, **options):
        prepare(recipe, raw, out, progress=stop if not stopped else lambda count, _total: done.append(count), **options)

    monkeypatch.setattr("colliculus.data.folder.prepare", watched)
    stopped = False
    with pytest.raises(KeyboardInterrupt):
        folder.load()
    stopped = done.clear() is None
    assert len(folder.load().train) == 8
    assert done == list(range(5, 15))  # five clips were there before


def test_without_a_folder_of_its_own_the_cache_is_the_users(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "home" / name)
    replace(folder, cache=None).load()
    assert len(list((tmp_path / "home" / "colliculus" / "clips").glob("*/prepare.yaml"))) == 1


def test_a_cache_may_lie_in_a_hidden_folder_of_the_clips_only(root, folder):
    plain = folder.load()
    hidden = replace(folder, cache=root / ".cache")
    assert hidden.load().fingerprint == hidden.load().fingerprint == plain.fingerprint
    with pytest.raises(ColliculusError, match="contain one another"):
        replace(folder, cache=root / "train" / "çat").load()


def test_classes_alone_are_split_at_random_but_fixed(tmp_path):
    fill(tmp_path / "clips", 10)
    settings = {"root": tmp_path / "clips", "cache": tmp_path / "cache", "clips": CLIPS}
    first, again, other = (Folder(**settings, seed=seed).load() for seed in (0, 0, 1))
    assert (len(first.train), len(first.validation), len(first.test)) == (14, 2, 4)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    parts = (first.train, first.validation, first.test)
    assert all(np.bincount(part.labels).tolist() == [len(part) // 2] * 2 for part in parts)
    seen = [whole(part).inputs["visual"][:, 0, 0, 0].numpy() for part in parts]
    assert len(np.unique(np.concatenate(seen))) == 20  # every clip in exactly one part


def test_a_validation_folder_is_used(root, folder):
    fill(root / "validation", 3, first=7)
    dataset = folder.load()
    assert (len(dataset.train), len(dataset.validation), dataset.protocol) == (10, 6, "given")


@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_a_modality_that_no_clip_holds_is_left_out(tmp_path, modality):
    fill(tmp_path / "clips" / "train", 3, sound=modality == "audio", image=modality == "visual")
    fill(tmp_path / "clips" / "test", 2, first=3, sound=modality == "audio", image=modality == "visual")
    settings = Folder(root=tmp_path / "clips", cache=tmp_path / "cache", clips=CLIPS)
    dataset = settings.load()
    assert dataset.spec.modalities == (modality,)
    assert list(dataset.test[0][0]) == [modality]
    assert list(settings.reader(dataset.spec).storages) == [modality]


@pytest.mark.parametrize("suffix", [".wav", ".png"])
def test_what_a_clip_lacks_is_the_training_mean(root, folder, suffix):
    complete = folder.load()
    (root / "test" / "çat" / f"clip 6{suffix}").unlink()
    dataset = folder.load()
    lacking, held = ("audio", "visual") if suffix == ".wav" else ("visual", "audio")
    inputs, before = (data.test.batch(np.array([3, 0]), epoch=0).inputs for data in (dataset, complete))
    assert (inputs[lacking][0] == 0).all()
    assert inputs[held].equal(before[held])
    assert inputs[lacking][1].equal(before[lacking][1])
    assert dataset.normalisation == complete.normalisation


@pytest.mark.parametrize("incomplete", ["skip", "keep"])
def test_a_damaged_clip_is_named_and_left_out_or_kept_in_part(root, folder, capsys, incomplete):
    complete = folder.load()
    capsys.readouterr()
    (root / "train" / "çat" / "clip 3.wav").write_bytes(b"RIFF and nothing else")
    dataset = replace(folder, incomplete=incomplete).load()
    told = " ".join(capsys.readouterr().err.split())
    assert (
        f"1 of 14 clips cannot be read whole and are {'left out' if incomplete == 'skip' else 'kept in part'}" in told
    )
    assert "clip 3.wav cannot be decoded" in told
    assert len(dataset.train) + len(dataset.validation) == {"skip": 9, "keep": 10}[incomplete]
    assert dataset.fingerprint != complete.fingerprint


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("*/*/*.*", r"none of the 14 samples can be prepared; the first: .*clip \d"),
        ("train/çat/*.*", r"no training sample of the class 'çat' is left"),
        ("test/*/*.*", r"needs samples of the split 'test'"),
    ],
)
def test_what_can_be_read_must_be_enough(root, folder, pattern, message):
    for path in root.glob(pattern):
        path.write_bytes(b"damaged")
    with pytest.raises(ColliculusError, match=message):
        folder.load()


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _link(root: Path) -> None:
    outside = root.parent / f"{root.name} outside"
    write_image(outside / "1.png", 3)
    (root / "train" / "çat" / "1.png").symlink_to(outside / "1.png")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: _remove(root / "train" / "çat"), r"çat has no clips: put files into it \(.*\.wav"),
        (lambda root: write_image(root / "train" / "çat" / "more" / "1.png", 3), r"more is a folder inside a class"),
        (lambda root: (root / "test" / "çat").rename(root / "test" / "cat"), r"cat has no clips in train"),
        (_link, r"1\.png is a link that leaves"),
        (lambda root: (root / "test").rename(root / "testing"), "no folder 'test'"),
        (lambda root: (root / "val").mkdir(), "val is no"),
        (lambda root: write_sound(root / "train" / "çat" / "clip 1.flac", 0), r"keep one"),
    ],
)
def test_layouts_that_are_not_understood_are_one_clear_sentence(root, folder, change, message):
    change(root)
    with pytest.raises(ColliculusError, match=message) as caught:
        folder.load()
    assert "\n" not in str(caught.value)


def test_a_root_is_needed_and_two_classes(tmp_path):
    with pytest.raises(ColliculusError, match=r"--data\.root ROOT"):
        Folder().load()
    empty = tmp_path / "clips"
    empty.mkdir()
    with pytest.raises(ColliculusError, match=r"has 0 class folder\(s\)"):
        Folder(root=empty).load()
    write_image(empty / "only" / "1.png", 3)
    with pytest.raises(ColliculusError, match=r"has 1 class folder\(s\)"):
        Folder(root=empty).load()


def test_those_that_load_together_prepare_once(folder, tmp_path, monkeypatch):
    """As the ranks of one training do: whoever comes second waits, and finds the data."""
    calls = []
    monkeypatch.setattr(
        "colliculus.data.folder.prepare", lambda *args, **options: calls.append(1) or prepare(*args, **options)
    )
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda data: data.load().fingerprint, [folder] * 3))
    assert len(set(found)) == len(calls) == 1


def test_nothing_is_passed_over_in_silence(root, folder, capsys):
    (root / "test" / "çat" / "clip 6.png").unlink()
    (root / "train" / "çat" / "notes.txt").write_text("about")
    write_sound(root / "train" / "çat" / "clip 1.wav", 0)
    content = (root / "train" / "çat" / "clip 1.wav").read_bytes()
    (root / "train" / "çat" / "clip 1.wav").write_bytes(content[: len(content) // 2])
    for _ in range(2):  # the second time from the cache
        folder.load()
        told = " ".join(capsys.readouterr().err.split())
        assert "1 of 14 samples have no visual, such as test/çat/clip 6." in told
        assert "skipped: 1 x .txt (train/çat/notes.txt)." in told
        assert "(train/çat/clip 1.wav states 1600 bytes and holds" in told


def test_clips_are_decoded_in_another_process(root, folder, monkeypatch):
    used = []
    monkeypatch.setattr(
        "colliculus.data.folder.prepare",
        lambda *args, jobs, **options: used.append(jobs) or prepare(*args, jobs=jobs, **options),
    )
    folder.load()
    assert used == [1]
