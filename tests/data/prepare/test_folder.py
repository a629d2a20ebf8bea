from __future__ import annotations

import pytest

from colliculus.data.prepare.folder import FolderRecipe
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
    found = {source.name: (source.label, source.split, source.files) for source in FolderRecipe().sources(raw)}
    assert found == {
        "cat/a": ("cat", None, {"audio": "cat/a.wav", "visual": "cat/a.png"}),
        "cat/b": ("cat", None, {"audio": "cat/b.mp4", "visual": "cat/b.mp4"}),
        "dog/a": ("dog", None, {"audio": "dog/a.wav"}),
        "dog/c": ("dog", None, {"visual": "dog/c.jpg"}),
    }


def test_sound_beside_a_video_is_preferred_to_its_own(tree):
    raw = tree("cat/a.wav", "cat/a.mp4", "dog/a.mp4")
    assert FolderRecipe().sources(raw)[0].files == {"audio": "cat/a.wav", "visual": "cat/a.mp4"}


def test_folders_above_the_classes_are_splits(tree):
    raw = tree("train/cat/a.mp4", "train/dog/a.mp4", "test/dog/a.mp4", "validation/cat/x.mp4")
    found = [(source.name, source.split) for source in FolderRecipe(modalities=("visual",)).sources(raw)]
    assert found == [
        ("train/cat/a", "train"),
        ("train/dog/a", "train"),
        ("validation/cat/x", "validation"),
        ("test/dog/a", "test"),
    ]


def test_what_is_not_wanted_is_passed_over(tree):
    raw = tree("cat/a.wav", "cat/a.png", "dog/a.png", "dog/b.png")
    recipe = FolderRecipe(modalities=("visual",))
    assert list(recipe.storages) == ["visual"]
    assert next(source.files for source in recipe.sources(raw)) == {"visual": "cat/a.png"}
    with pytest.raises(ColliculusError, match="`modalities` is empty"):
        FolderRecipe(modalities=())


def test_a_link_that_leaves_the_folder_is_refused(tree, tmp_path_factory):
    raw, outside = tree("cat/a.wav", "dog/a.wav"), tmp_path_factory.mktemp("outside")
    (outside / "b.wav").touch()
    (raw / "cat" / "b.wav").symlink_to(outside / "b.wav")
    with pytest.raises(ColliculusError, match=r"b\.wav is a link that leaves"):
        FolderRecipe().sources(raw)
    with pytest.raises(ColliculusError, match="is no folder"):
        FolderRecipe().sources(raw / "dog" / "a.wav")
