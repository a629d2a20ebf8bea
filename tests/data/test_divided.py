from __future__ import annotations

import numpy as np
import pytest
import soundfile
from PIL import Image

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import PreparedFolder
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.data import prepared
from colliculus.data.prepared import Prepared
from colliculus.media.spectrogram import Spectrogram

SPECTRUM = Spectrogram(sample_rate_hz=8000, n_fft=64, hop=40, size=(8, 8))
RECIPE = FolderRecipe(audio=Sound(duration_s=0.2, spectrogram=SPECTRUM), visual=Frames(size=(8, 8)))


@pytest.fixture
def root(tmp_path):
    """Three classes; one clip has no sound, and one class is too small to be in every part."""
    for number in range(23):
        folder = tmp_path / "raw" / ("cat", "dog")[number % 2] if number < 21 else tmp_path / "raw" / "owl"
        folder.mkdir(exist_ok=True, parents=True)
        random = np.random.default_rng(number)
        if number != 4:
            soundfile.write(folder / f"{number}.wav", random.uniform(-0.5, 0.5, 1600), 8000)
        Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    prepare(RECIPE, tmp_path / "raw", tmp_path / "out", jobs=0)
    return tmp_path / "out"


@pytest.fixture
def unread(monkeypatch):
    """From its call on, no manifest may be read."""

    def refuse():
        def fail(_self):
            raise AssertionError("the manifest is read")

        monkeypatch.setattr(PreparedFolder, "_listed", property(fail))

    return refuse


def facts(data):
    found = {"spec": data.spec, "fingerprint": data.fingerprint, "protocol": data.protocol, "norm": data.normalisation}
    for name in ("train", "validation", "test"):
        split = getattr(data, name)
        batch = split.batch(np.arange(len(split)), epoch=0)
        found[name] = (
            split.rows.tolist(),
            batch.labels.tolist(),
            {m: x.numpy().tobytes() for m, x in batch.inputs.items()},
        )
    return found


def test_the_second_start_reads_no_manifest_and_gives_the_same(root, monkeypatch, unread):
    few = facts(Prepared(root=root).load())
    assert not (root / "divided").exists()
    monkeypatch.setattr(prepared, "MANY", 1)
    first = Prepared(root=root).load()
    names = [sample.name for sample in first.samples["test"]]
    assert len(names) == len(first.test)
    assert first.samples["test"][0].name == names[0]
    assert [sample.name for sample in first.samples["test"][1:]] == names[1:]
    again = Prepared(root=root).load()
    unread()
    assert facts(first) == few == facts(again) == facts(Prepared(root=root).load())


def test_other_settings_and_other_data_have_parts_of_their_own(root, monkeypatch):
    expected = [facts(Prepared(root=root, fold=fold, seed=fold).load()) for fold in (0, 1)]
    assert expected[0]["test"] != expected[1]["test"]
    monkeypatch.setattr(prepared, "MANY", 1)
    for _ in range(2):
        assert [facts(Prepared(root=root, fold=fold, seed=fold).load()) for fold in (0, 1)] == expected
    assert len(list((root / "divided").iterdir())) == 2


def test_statistics_are_those_of_the_settings(root, monkeypatch):
    monkeypatch.setattr(prepared, "MANY", 1)
    plain, standard = Prepared(root=root, standardise=False).load(), Prepared(root=root).load()
    assert plain.normalisation.mean == {}
    assert set(standard.normalisation.mean) == {"audio", "visual"}
    assert Prepared(root=root, standardise=False).load().normalisation.mean == {}


@pytest.mark.parametrize("name", ["parts.npz", "statistics.json"])
@pytest.mark.parametrize("content", [b"", b"damaged", b"PK\x03\x04 damaged"])
def test_a_damaged_file_is_made_again(root, monkeypatch, name, content):
    monkeypatch.setattr(prepared, "MANY", 1)
    expected = facts(Prepared(root=root).load())
    (file,) = root.glob(f"divided/*/{name}")
    whole = file.read_bytes()
    file.write_bytes(content)
    assert facts(Prepared(root=root).load()) == expected
    assert file.read_bytes() == whole


def test_a_folder_that_cannot_be_written_to_is_read(root, monkeypatch):
    monkeypatch.setattr(prepared, "MANY", 1)
    (root / "divided").write_text("in the way")
    assert facts(Prepared(root=root).load())["train"][0]
