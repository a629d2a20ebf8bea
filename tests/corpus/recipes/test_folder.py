from __future__ import annotations

import numpy as np
import pytest
from raw_trees import grey, tone, write_video

from colliculus.corpus.prepare.storage import Frames
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.corpus.recipes.manifest import ManifestRecipe
from colliculus.corpus.sample import Sample
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
