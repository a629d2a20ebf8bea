from __future__ import annotations

import csv
import hashlib
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from colliculus.corpus.manifest import read_manifest
from colliculus.corpus.prepare import build, plan
from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.prepare.storage import Frames
from colliculus.corpus.recipes.manifest import ManifestRecipe
from colliculus.corpus.sample import Sample
from colliculus.files.lock import locked
from colliculus.files.tables import TableFile
from colliculus.types import ColliculusError


def rows(out):
    with (out / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_folder_holds_what_the_storages_read(raw, small, tmp_path):
    summary = prepare(small, raw, tmp_path / "out", jobs=0)
    assert (summary.samples, summary.usable, summary.kept, summary.problems) == (12, 12, 0, {})
    samples = small.samples(raw)
    for modality, storage in small.storages.items():
        array = np.load(tmp_path / "out" / f"{modality}.npy")
        assert array.dtype == storage.dtype
        for row, sample in enumerate(samples):
            np.testing.assert_array_equal(array[row], storage.read(raw / sample.files[modality], sample))
    assert [row["name"] for row in rows(tmp_path / "out")] == [sample.name for sample in samples]
    assert {row["duration_s"] for row in rows(tmp_path / "out")} == {"0.2"}
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        ".lock", "audio.npy", "visual.npy", "manifest.csv", "prepare.yaml",
    }  # fmt: skip


def test_what_was_prepared_is_read_back(raw, small, tmp_path):
    prepare(small, raw, tmp_path / "out", jobs=0)
    folder = read_prepared(tmp_path / "out")
    assert folder.samples == small.samples(raw) == read_manifest(tmp_path / "out" / "manifest.csv")
    assert folder.storages == small.storages
    assert list(folder.storages) == ["audio", "visual"]
    assert folder.classes == ("cat", "dog")
    assert folder.usable == list(range(12))
    digest = folder.results[0].sha256["audio"]
    assert digest == hashlib.sha256((raw / folder.samples[0].files["audio"]).read_bytes()).hexdigest()


def test_any_number_of_processes_gives_the_same_bytes(raw, small, tmp_path, digest_of):
    (raw / "cat" / "bad.wav").write_bytes(b"RIFF")
    for jobs in (0, 2):
        prepare(small, raw, tmp_path / f"by {jobs}", jobs=jobs)
    assert digest_of(tmp_path / "by 0") == digest_of(tmp_path / "by 2")
    moved = shutil.copytree(raw, tmp_path / "elsewhere" / "raw")
    prepare(small, moved, tmp_path / "moved", jobs=0)
    assert digest_of(tmp_path / "moved") == digest_of(tmp_path / "by 0")


def test_it_is_done_once(raw, small, tmp_path, digest_of):
    out = tmp_path / "out"
    prepare(small, raw, out, jobs=0)
    before = digest_of(out), (out / "audio.npy").stat().st_mtime_ns
    told = []
    summary = prepare(small, raw, out, jobs=0, progress=lambda *counts: told.append(counts))
    assert (summary.kept, summary.samples) == (12, 12)
    assert (digest_of(out), (out / "audio.npy").stat().st_mtime_ns) == before
    assert told[-1] == (12, 12)


def test_bad_samples_are_named_and_left_out(raw, small, tmp_path):
    good = [sample.name for sample in small.samples(raw)]
    (raw / "cat" / "pointer.wav").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (raw / "cat" / "empty.wav").touch()
    (raw / "dog" / "noise.wav").write_bytes(b"no sound at all")
    (raw / "dog" / "0.wav").write_bytes((raw / "cat" / "0.wav").read_bytes()[:500])
    summary = prepare(small, raw, tmp_path / "out", jobs=0)
    assert (summary.samples, summary.usable) == (16, 13)
    problems = {row["name"]: row["problem"] for row in rows(tmp_path / "out") if row["problem"]}
    assert set(problems) == {"cat/pointer", "cat/empty", "dog/noise"}
    assert "git lfs pull" in problems["cat/pointer"]
    assert problems["cat/empty"].startswith("cat/empty.wav is empty")
    assert "cannot be decoded" in problems["dog/noise"]
    assert not any(str(tmp_path) in problem for problem in problems.values())
    assert summary.problems == {
        "is a git-lfs pointer, not the file itself": 1,
        "is empty": 1,
        "cannot be decoded": 1,
    }
    (cut,) = (sentence for sentence in summary.oddities if "end before the length that they state" in sentence)
    assert "(dog/0.wav states" in cut
    left_out = [row for row in rows(tmp_path / "out") if row["missing"] == "audio visual"]
    assert {row["name"] for row in left_out} == set(problems)
    for modality in small.storages:
        array = np.load(tmp_path / "out" / f"{modality}.npy")
        assert not any(array[int(row["row"])].any() for row in left_out)
        assert all(array[int(row["row"])].any() for row in rows(tmp_path / "out") if row["name"] in good)


def test_an_incomplete_sample_is_kept_if_so_wished(raw, small, tmp_path):
    (raw / "cat" / "0.wav").write_bytes(b"no sound at all")
    prepare(small, raw, tmp_path / "out", jobs=0, incomplete="keep")
    kept = rows(tmp_path / "out")[0]
    assert (kept["name"], kept["missing"]) == ("cat/0", "audio")
    assert "cannot be decoded" in kept["problem"]
    assert np.load(tmp_path / "out" / "visual.npy")[0].any()
    assert not np.load(tmp_path / "out" / "audio.npy")[0].any()
    assert read_prepared(tmp_path / "out").usable == list(range(12))


def test_a_modality_that_nobody_holds_takes_no_place(raw, small, tmp_path):
    for path in raw.rglob("*.wav"):
        path.unlink()
    prepare(small, raw, tmp_path / "out", jobs=0)
    assert not (tmp_path / "out" / "audio.npy").exists()
    assert list(read_prepared(tmp_path / "out").storages) == ["visual"]


def test_nothing_usable_is_a_mistake_that_can_be_mended(raw, small, tmp_path):
    saved = {path: path.read_bytes() for path in raw.rglob("*.*")}
    for path in saved:
        path.write_bytes(b"?")
    with pytest.raises(ColliculusError, match=r"none of the 12 samples can be prepared; the first: cat/0\.wav"):
        prepare(small, raw, tmp_path / "out", jobs=0)
    for path, content in saved.items():
        path.write_bytes(content)
    assert prepare(small, raw, tmp_path / "out", jobs=0).usable == 12


@pytest.mark.parametrize(
    "finished", [True, pytest.param(False, id="unfinished")], ids=lambda done: "finished" if done else None
)
def test_other_settings_or_samples_are_refused(raw, small, tmp_path, add_pair, finished, monkeypatch):
    out = tmp_path / "out"
    if not finished:
        with monkeypatch.context() as patch:
            patch.setattr(build._Job, "finalise", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                prepare(small, raw, out, jobs=0)
    else:
        prepare(small, raw, out, jobs=0)
    other = replace(small, visual=Frames(size=(9, 9)))
    with pytest.raises(ColliculusError, match=r"its recipe\.visual\.size is \[8, 8\] and not \[9, 9\]"):
        prepare(other, raw, out, jobs=0)
    with pytest.raises(ColliculusError, match="its incomplete is skip and not keep"):
        prepare(small, raw, out, jobs=0, incomplete="keep")
    shutil.move(raw / "cat" / "0.wav", raw / "cat" / "zero.wav")
    shutil.move(raw / "cat" / "0.png", raw / "cat" / "zero.png")
    with pytest.raises(ColliculusError, match="prepared from samples of other names"):
        prepare(small, raw, out, jobs=0)
    add_pair(raw / "cat", "new", 99)
    with pytest.raises(ColliculusError, match="its samples is 12 and not 13"):
        prepare(small, raw, out, jobs=0)


def test_a_file_that_changed_is_noticed(raw, small, tmp_path, add_pair, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(build._Job, "finalise", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare(small, raw, out, jobs=0)
    add_pair(raw / "cat", "0", 77)
    sample = Sample(name="0", label="cat", files={"visual": "cat/0.png"})
    assert prepare(small, raw, out, jobs=0).kept == 11
    np.testing.assert_array_equal(np.load(out / "visual.npy")[0], small.visual.read(raw / "cat/0.png", sample))
    add_pair(raw / "cat", "0", 78)
    with pytest.raises(ColliculusError, match="files of 'cat/0' have changed"):
        prepare(small, raw, out, jobs=0)


def test_a_row_that_is_not_as_it_was_written_is_made_again(raw, small, tmp_path, digest_of, monkeypatch):
    prepare(small, raw, tmp_path / "whole", jobs=0)
    with monkeypatch.context() as patch:
        patch.setattr(build._Job, "finalise", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare(small, raw, tmp_path / "out", jobs=0)
    content = bytearray((tmp_path / "out" / "visual.npy").read_bytes())
    content[-1] ^= 1
    (tmp_path / "out" / "visual.npy").write_bytes(content)
    with (tmp_path / "out" / ".unfinished" / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"row": 3, "miss')
    assert prepare(small, raw, tmp_path / "out", jobs=0).kept == 11
    assert digest_of(tmp_path / "out") == digest_of(tmp_path / "whole")


def test_a_folder_of_something_else_is_left_alone(raw, small, tmp_path, digest_of):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tmp").write_text("years of work")
    with pytest.raises(ColliculusError, match=r"is not a prepared folder, it holds 'thesis\.tmp'"):
        prepare(small, raw, tmp_path / "out", jobs=0)
    assert (tmp_path / "out" / "thesis.tmp").read_text() == "years of work"
    (tmp_path / "file").touch()
    with pytest.raises(ColliculusError, match="is a file"):
        prepare(small, raw, tmp_path / "file", jobs=0)
    for out in (raw, raw / "out", tmp_path):
        with pytest.raises(ColliculusError, match="contain one another"):
            prepare(small, raw, out, jobs=0)
    with pytest.raises(ColliculusError, match="does not exist"):
        prepare(small, tmp_path / "gone", tmp_path / "other", jobs=0)
    assert not (tmp_path / "other").exists()


def test_one_at_a_time(raw, small, tmp_path):
    (tmp_path / "out").mkdir()
    with (
        locked(tmp_path / "out", "is busy"),
        pytest.raises(ColliculusError, match="is being prepared by another process"),
    ):
        prepare(small, raw, tmp_path / "out", jobs=0)
    assert prepare(small, raw, tmp_path / "out", jobs=0).usable == 12


def test_nothing_outside_of_the_folder_is_touched(raw, small, tmp_path, digest_of):
    before = digest_of(tmp_path)
    prepare(small, raw, tmp_path / "deep" / "out", jobs=0)
    after = digest_of(tmp_path)
    assert {name: digest for name, digest in after.items() if not name.startswith("deep")} == before


class _Listed(Recipe):
    """A recipe that tells what it is told to."""

    name = "listed"

    def __init__(self, small, samples):
        self.audio, self.visual, self._samples = small.audio, small.visual, samples

    def samples(self, _raw):
        return self._samples


def test_files_outside_of_the_raw_data_are_not_read(raw, small, tmp_path, add_pair, monkeypatch):
    add_pair(tmp_path / "secret", "key", 5)
    (raw / "cat" / "way.png").symlink_to(tmp_path / "secret" / "key.png")
    (raw / "cat" / "loop.png").symlink_to(raw / "cat" / "loop.png")
    os.mkfifo(raw / "cat" / "pipe.png")
    paths = ["../secret/key.png", str(tmp_path / "secret" / "key.png"), "cat/way.png", "cat/pipe.png", "cat/loop.png"]
    samples = [Sample(name=str(i), label="ab"[i % 2], files={"visual": path}) for i, path in enumerate(paths)]
    samples.append(Sample(name="good", label="a", files={"visual": "cat/0.png"}))
    monkeypatch.setattr(plan, "to_plain", lambda _recipe: {})
    monkeypatch.setattr(plan, "manifest_table", lambda path, _samples: TableFile(path, ("label",), [["a"]], [2]))
    summary = prepare(_Listed(small, samples), raw, tmp_path / "out", jobs=0)
    assert (summary.samples, summary.usable) == (6, 1)
    told = rows(tmp_path / "out")
    assert ["leads out of the raw data" in row["problem"] for row in told[:3]] == [True] * 3
    assert all("is not a file" in row["problem"] or "cannot be read" in row["problem"] for row in told[3:5])
    assert [row["sha256"].removeprefix("visual=") for row in told[:5]] == [""] * 5


NAMES = ["with space", "ünïcode ☃", "a..b", "-dash", 'comma, "quote"', "100%", "'", "[b]c", "データ"]


def test_any_name_will_do(raw, small, tmp_path, add_pair):
    for number, name in enumerate(NAMES):
        add_pair(raw / "a class", name, 50 + number)
    summary = prepare(small, raw, tmp_path / "out ☃", jobs=0)
    assert (summary.samples, summary.usable) == (21, 21)
    assert {f"a class/{name}" for name in NAMES} <= {row["name"] for row in rows(tmp_path / "out ☃")}
    assert read_prepared(tmp_path / "out ☃").samples == small.samples(raw)


def test_after_nothing_could_be_prepared_the_mended_table_is_taken(small, raw, tmp_path):
    """The first try has the wrong column of files; nothing of it may stand in the way."""
    recipe = ManifestRecipe(sounds=("audio",), pictures=(), audio=small.audio)
    table = raw / "all.csv"
    table.write_text("label,audio\ncat,cat/none.wav\ndog,dog/none.wav\n")
    with pytest.raises(ColliculusError, match="none of the 2 samples can be prepared"):
        prepare(recipe, table, tmp_path / "out", jobs=0)
    assert not [path for path in (tmp_path / "out").iterdir() if path.name != ".lock"]
    table.write_text("label,audio\ncat,cat/0.wav\ndog,dog/1.wav\ndog,dog/3.wav\n")
    assert prepare(recipe, table, tmp_path / "out", jobs=0).usable == 3
