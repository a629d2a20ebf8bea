from __future__ import annotations

import numpy as np
import pytest
from raw_trees import grey, tone, write_video

from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.series import SensorSeries
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.corpus.recipes.manifest import ManifestRecipe
from colliculus.corpus.sample import Sample
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError


@pytest.fixture
def tree(tmp_path):
    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"not looked at here")
        return tmp_path

    return make


def test_a_sample_is_a_stem_of_a_class(tree):
    raw = tree("cat/a.wav", "cat/a.png", "cat/b.mp4", "cat/notes.txt", "dog/a.wav", "dog/c.jpg", "dog/.hidden.wav")
    found = {sample.name: (sample.label, sample.split, sample.files) for sample in FolderRecipe().samples(raw)}
    assert found == {
        "cat/a": ("cat", None, {"audio": "cat/a.wav", "visual": "cat/a.png"}),
        "cat/b": ("cat", None, {"audio": "cat/b.mp4", "visual": "cat/b.mp4"}),
        "dog/a": ("dog", None, {"audio": "dog/a.wav"}),
        "dog/c": ("dog", None, {"visual": "dog/c.jpg"}),
    }


def test_sound_beside_a_video_is_preferred_to_its_own(tree):
    raw = tree("cat/a.wav", "cat/a.mp4", "dog/a.mp4")
    assert FolderRecipe().samples(raw)[0].files == {"audio": "cat/a.wav", "visual": "cat/a.mp4"}


def test_folders_above_the_classes_are_splits(tree):
    raw = tree("train/cat/a.mp4", "train/dog/a.mp4", "test/dog/a.mp4", "validation/cat/x.mp4")
    found = [(sample.name, sample.split) for sample in FolderRecipe(modalities=("visual",)).samples(raw)]
    assert found == [
        ("train/cat/a", "train"),
        ("train/dog/a", "train"),
        ("validation/cat/x", "validation"),
        ("test/dog/a", "test"),
    ]


def test_what_is_not_wanted_is_skipped(tree):
    raw = tree("cat/a.wav", "cat/a.png", "dog/a.png", "dog/b.png")
    recipe = FolderRecipe(modalities=("visual",))
    assert list(recipe.storages) == ["visual"]
    assert next(sample.files for sample in recipe.samples(raw)) == {"visual": "cat/a.png"}
    with pytest.raises(ColliculusError, match="`modalities` is empty"):
        FolderRecipe(modalities=())


def test_a_link_that_leaves_the_folder_is_refused(tree, tmp_path_factory):
    raw, outside = tree("cat/a.wav", "dog/a.wav"), tmp_path_factory.mktemp("outside")
    (outside / "b.wav").touch()
    (raw / "cat" / "b.wav").symlink_to(outside / "b.wav")
    with pytest.raises(ColliculusError, match=r"b\.wav is a link that leaves"):
        FolderRecipe().samples(raw)
    with pytest.raises(ColliculusError, match="is not a folder"):
        FolderRecipe().samples(raw / "dog" / "a.wav")


@pytest.mark.parametrize("recipe", [FolderRecipe, ManifestRecipe])
def test_sound_is_of_the_whole_clip_as_the_pictures_are(tmp_path, recipe):
    frames = grey([100] * 60, (16, 24))
    late = np.concatenate([np.zeros(4 * 48_000, np.float32), tone(1000, rate_hz=48_000, duration_s=2)])
    write_video(tmp_path / "late.mp4", frames, late)
    heard = recipe().audio.read(tmp_path / "late.mp4", Sample(name="late", label="x", files={"audio": "late.mp4"}))
    assert recipe().audio.duration_s is None
    assert np.ptp(heard[..., : heard.shape[-1] // 2]) < np.ptp(heard) / 2
    assert np.ptp(heard[..., heard.shape[-1] * 3 // 4 :]) > np.ptp(heard) / 2


@pytest.mark.parametrize("suffix", [".m4v", ".mpg", ".mpeg", ".wmv"])
def test_more_kinds_of_video_are_read(tmp_path, suffix):
    levels = [50] * 15 + [200] * 15
    sound = tone(1000, rate_hz=48_000, duration_s=1)
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        write_video(tmp_path / label / f"a{suffix}", grey(levels, (32, 48)), sound, fps=30)
    recipe = FolderRecipe(visual=Frames(steps=2, size=(8, 8)))
    sample = recipe.samples(tmp_path)[0]
    first, second = recipe.visual.read(tmp_path / sample.files["visual"], sample).astype(float)
    assert abs(first.mean() - 50) < 15
    assert abs(second.mean() - 200) < 15
    assert np.ptp(recipe.audio.read(tmp_path / sample.files["audio"], sample)) > 1


def test_what_is_passed_over_is_counted_by_ending(tree):
    raw = tree("train/cat/a.mp4", "train/cat/n.TXT", "train/cat/m.txt", "train/dog/a.mp4", "train/dog/README")
    tree("test/dog/b.mp4", "test/dog/b.doc", "test/dog/.hidden", "test/cat/b.mp4", "notes.md")
    assert FolderRecipe().skipped(raw) == {
        ".txt": ("train/cat/m.txt", "train/cat/n.TXT"),
        "no ending": ("train/dog/README",),
        ".doc": ("test/dog/b.doc",),
    }
    flat = raw / "train"
    assert FolderRecipe().skipped(flat) == {".txt": ("cat/m.txt", "cat/n.TXT"), "no ending": ("dog/README",)}


def test_a_video_file_of_sound_alone_is_a_sound(tmp_path, shared_video):
    for name, source in (("cat/a.webm", "blind.webm"), ("cat/b.webm", "clip.webm"), ("dog/c.mp4", "silent.mp4")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(shared_video(source).read_bytes())
    (tmp_path / "dog" / "d.webm").write_bytes(shared_video("blind.webm").read_bytes())
    (tmp_path / "dog" / "d.png").touch()
    both = {"audio": "cat/b.webm", "visual": "cat/b.webm"}
    expected = [{"audio": "cat/a.webm"}, both, {"audio": "dog/c.mp4", "visual": "dog/c.mp4"}]
    expected.append({"audio": "dog/d.webm", "visual": "dog/d.png"})
    assert [dict(sample.files) for sample in FolderRecipe().samples(tmp_path)] == expected
    expected[0] = {"audio": "cat/a.webm", "visual": "cat/a.webm"}
    assert [dict(sample.files) for sample in FolderRecipe().listed(tmp_path)] == expected


def test_names_of_other_systems_pair(tree):
    raw = tree("cat/caf\u00e9.wav", "cat/cafe\u0301.png", "dog/a.wav")
    assert len(FolderRecipe().samples(raw)) == 2


def test_videos_give_as_many_frames_as_most_presets_have_steps(tree):
    moving, still = tree("cat/a.mp4", "dog/a.png"), FolderRecipe(video_frames=0)
    samples = FolderRecipe().listed(moving)
    assert FolderRecipe().storages_for(samples)["visual"].shape == (4, 3, 128, 128)
    assert FolderRecipe(video_frames=7).storages_for(samples)["visual"].shape[0] == 7
    assert still.storages_for(samples)["visual"].shape == (3, 128, 128)
    set_by_hand = FolderRecipe(visual=Frames(steps=2))
    assert set_by_hand.storages_for(samples)["visual"].shape[0] == 2
    images = [sample for sample in samples if sample.label == "dog"]
    assert FolderRecipe().storages_for(images)["visual"].shape == (3, 128, 128)
    with pytest.raises(ColliculusError, match=r"`video_frames` is 3, which has no effect with `visual.steps`"):
        FolderRecipe(visual=Frames(steps=2), video_frames=3)
    with pytest.raises(ColliculusError, match="`video_frames` is -1"):
        FolderRecipe(video_frames=-1)


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        (Frames(), "the middle frame of each whole clip"),
        (Frames(steps=3, duration_s=2), "3 frames, evenly spread over the first 2 s of each clip"),
        (Frames(steps=3, rate_hz=12.5), "3 frames, 12.5 a second from the start of each clip"),
        (Sound(duration_s=None), "the spectrogram of each whole clip"),
        (Sound(spectrogram=Spectrogram(steps=4)), "4 spectrograms, one after another, of the first 3 s of each clip"),
        (EventFrames(window_s=0.3), "counts of events in 10 equal parts of 0.3 s of each recording"),
        (SensorSeries(channels=2, steps=64), "each whole series, resampled linearly to 64 moments"),
    ],
)
def test_a_storage_says_what_it_keeps(storage, words):
    assert storage.in_words == words
