from __future__ import annotations

import csv
import errno
import hashlib
import os
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import yaml

from colliculus.data.manifest import read_manifest
from colliculus.data.prepare import build, lock
from colliculus.data.prepare.build import prepare
from colliculus.data.prepare.lock import locked
from colliculus.data.prepare.manifest import ManifestRecipe
from colliculus.data.prepare.sample import Outcome
from colliculus.data.prepare.seal import read_prepared
from colliculus.data.prepare.storage import Frames
from colliculus.data.source import Source
from colliculus.types import ColliculusError


def rows(out):
    with (out / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_folder_holds_what_the_storages_read(raw, small, tmp_path):
    summary = prepare(small, raw, tmp_path / "out", jobs=0)
    assert (summary.samples, summary.usable, summary.kept, summary.problems) == (12, 12, 0, {})
    sources = small.sources(raw)
    for modality, storage in small.storages.items():
        array = np.load(tmp_path / "out" / f"{modality}.npy")
        assert array.dtype == storage.dtype
        for row, source in enumerate(sources):
            np.testing.assert_array_equal(array[row], storage.read(raw / source.files[modality], source))
    assert [row["name"] for row in rows(tmp_path / "out")] == [source.name for source in sources]
    assert {row["duration_s"] for row in rows(tmp_path / "out")} == {"0.2"}
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        ".lock", "audio.npy", "visual.npy", "manifest.csv", "prepare.yaml",
    }  # fmt: skip


def test_what_was_prepared_is_read_back(raw, small, tmp_path):
    prepare(small, raw, tmp_path / "out", jobs=0)
    folder = read_prepared(tmp_path / "out")
    assert folder.sources == small.sources(raw) == read_manifest(tmp_path / "out" / "manifest.csv")
    assert folder.storages == small.storages
    assert list(folder.storages) == ["audio", "visual"]
    assert folder.classes == ("cat", "dog")
    assert folder.usable == list(range(12))
    digest = folder.outcomes[0].sha256["audio"]
    assert digest == hashlib.sha256((raw / folder.sources[0].files["audio"]).read_bytes()).hexdigest()


def test_any_number_of_processes_gives_the_same_bytes(raw, small, tmp_path, digest_of):
    (raw / "cat" / "bad.wav").write_bytes(b"RIFF")
    for jobs in (0, 1, 2):
        prepare(small, raw, tmp_path / f"by {jobs}", jobs=jobs)
    assert digest_of(tmp_path / "by 0") == digest_of(tmp_path / "by 1") == digest_of(tmp_path / "by 2")
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
    good = [source.name for source in small.sources(raw)]
    (raw / "cat" / "pointer.wav").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (raw / "cat" / "empty.wav").touch()
    (raw / "dog" / "noise.wav").write_bytes(b"no sound at all")
    (raw / "dog" / "0.wav").write_bytes((raw / "cat" / "0.wav").read_bytes()[:500])
    summary = prepare(small, raw, tmp_path / "out", jobs=0)
    assert (summary.samples, summary.usable) == (16, 12)
    problems = {row["name"]: row["problem"] for row in rows(tmp_path / "out") if row["problem"]}
    assert set(problems) == {"cat/pointer", "cat/empty", "dog/noise", "dog/0"}
    assert "git lfs pull" in problems["cat/pointer"]
    assert problems["cat/empty"].startswith("cat/empty.wav is empty")
    assert "cannot be decoded" in problems["dog/noise"]
    assert "states" in problems["dog/0"]
    assert not any(str(tmp_path) in problem for problem in problems.values())
    assert summary.problems == {
        "is a git-lfs pointer, not the file itself": 1,
        "is empty": 1,
        "cannot be decoded": 1,
        "states N bytes and holds N": 1,
    }
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
            patch.setattr(build, "_seal", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
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
        patch.setattr(build, "_seal", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare(small, raw, out, jobs=0)
    add_pair(raw / "cat", "0", 77)
    assert prepare(small, raw, out, jobs=0).kept == 11
    np.testing.assert_array_equal(np.load(out / "visual.npy")[0], small.visual.read(raw / "cat/0.png", None))
    add_pair(raw / "cat", "0", 78)
    with pytest.raises(ColliculusError, match="files of 'cat/0' have changed"):
        prepare(small, raw, out, jobs=0)


def test_a_row_that_is_not_as_it_was_written_is_made_again(raw, small, tmp_path, digest_of, monkeypatch):
    prepare(small, raw, tmp_path / "whole", jobs=0)
    with monkeypatch.context() as patch:
        patch.setattr(build, "_seal", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
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
    with pytest.raises(ColliculusError, match=r"holds 'thesis\.tmp', which is no prepared data"):
        prepare(small, raw, tmp_path / "out", jobs=0)
    assert (tmp_path / "out" / "thesis.tmp").read_text() == "years of work"
    (tmp_path / "file").touch()
    with pytest.raises(ColliculusError, match="is a file"):
        prepare(small, raw, tmp_path / "file", jobs=0)
    for out in (raw, raw / "out", tmp_path):
        with pytest.raises(ColliculusError, match="lie in one another"):
            prepare(small, raw, out, jobs=0)
    with pytest.raises(ColliculusError, match="does not exist"):
        prepare(small, tmp_path / "gone", tmp_path / "other", jobs=0)
    assert not (tmp_path / "other").exists()


def test_one_at_a_time(raw, small, tmp_path):
    (tmp_path / "out").mkdir()
    with locked(tmp_path / "out"), pytest.raises(ColliculusError, match="is being prepared by another process"):
        prepare(small, raw, tmp_path / "out", jobs=0)
    assert prepare(small, raw, tmp_path / "out", jobs=0).usable == 12


def test_nothing_outside_of_the_folder_is_touched(raw, small, tmp_path, digest_of):
    before = digest_of(tmp_path)
    prepare(small, raw, tmp_path / "deep" / "out", jobs=0)
    after = digest_of(tmp_path)
    assert {name: digest for name, digest in after.items() if not name.startswith("deep")} == before


class _Listed:
    """A recipe that tells what it is told to."""

    name = "listed"

    def __init__(self, small, sources):
        self.storages, self._sources = small.storages, sources

    def sources(self, _raw):
        return self._sources


def test_files_outside_of_the_raw_data_are_not_read(raw, small, tmp_path, add_pair, monkeypatch):
    add_pair(tmp_path / "secret", "key", 5)
    (raw / "cat" / "way.png").symlink_to(tmp_path / "secret" / "key.png")
    (raw / "cat" / "loop.png").symlink_to(raw / "cat" / "loop.png")
    os.mkfifo(raw / "cat" / "pipe.png")
    paths = ["../secret/key.png", str(tmp_path / "secret" / "key.png"), "cat/way.png", "cat/pipe.png", "cat/loop.png"]
    sources = [Source(name=str(i), label="ab"[i % 2], files={"visual": path}) for i, path in enumerate(paths)]
    sources.append(Source(name="good", label="a", files={"visual": "cat/0.png"}))
    monkeypatch.setattr(build, "to_plain", lambda _recipe: {})
    monkeypatch.setattr(build, "write_manifest", lambda path, _sources: path.write_text("told elsewhere"))
    summary = prepare(_Listed(small, sources), raw, tmp_path / "out", jobs=0)
    assert (summary.samples, summary.usable) == (6, 1)
    told = rows(tmp_path / "out")
    assert ["leads out of the raw data" in row["problem"] for row in told[:3]] == [True] * 3
    assert all("is no file" in row["problem"] or "cannot be read" in row["problem"] for row in told[3:5])
    assert [row["sha256"].removeprefix("visual=") for row in told[:5]] == [""] * 5


NAMES = ["with space", "ünïcode ☃", "a..b", "-dash", 'comma, "quote"', "100%", "'", "[b]c", "データ"]


def test_any_name_will_do(raw, small, tmp_path, add_pair):
    for number, name in enumerate(NAMES):
        add_pair(raw / "a class", name, 50 + number)
    summary = prepare(small, raw, tmp_path / "out ☃", jobs=0)
    assert (summary.samples, summary.usable) == (21, 21)
    assert {f"a class/{name}" for name in NAMES} <= {row["name"] for row in rows(tmp_path / "out ☃")}
    assert read_prepared(tmp_path / "out ☃").sources == small.sources(raw)


@pytest.mark.parametrize("calls", [0, 3, 10])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_and_costs_nothing(raw, small, tmp_path, digest_of, monkeypatch, calls, code):
    prepare(small, raw, tmp_path / "whole", jobs=0)
    written = []
    pwrite = os.pwrite

    def fill(handle, content, offset):
        written.append(1)
        if len(written) > calls:
            if len(written) == calls + 1 and len(content) > 8:
                return pwrite(handle, content[:7], offset)  # what a disk does as it fills up
            raise OSError(code, os.strerror(code))
        return pwrite(handle, content, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fill)
        with pytest.raises(ColliculusError, match=r"the disk of .*out is full .*: free some space and run the same"):
            prepare(small, raw, tmp_path / "out", jobs=0)
    assert not (tmp_path / "out" / "prepare.yaml").exists()
    prepare(small, raw, tmp_path / "out", jobs=0)
    assert digest_of(tmp_path / "out") == digest_of(tmp_path / "whole")


def test_too_little_space_is_told_before_anything_is_decoded(raw, small, tmp_path, monkeypatch):
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**6, 10**6, 1000))
    with pytest.raises(ColliculusError, match=r"needs 0\.00 GB and its disk has 0\.00 GB left"):
        prepare(small, raw, tmp_path / "out", jobs=0)


def test_a_damaged_seal_or_manifest_is_told(raw, small, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ColliculusError, match="run `colliculus prepare RECIPE RAW"):
        read_prepared(out)
    prepare(small, raw, out, jobs=0)
    manifest, seal = (out / "manifest.csv").read_text(), (out / "prepare.yaml").read_text()
    (out / "manifest.csv").write_text(manifest.replace("dog", "cow"))
    with pytest.raises(ColliculusError, match="do not belong together"):
        read_prepared(out)
    (out / "manifest.csv").write_text(manifest)
    (out / "prepare.yaml").write_text("[")
    with pytest.raises(ColliculusError, match="damaged"):
        read_prepared(out)
    (out / "prepare.yaml").write_text(yaml.safe_dump({**yaml.safe_load(seal), "format": 2}))
    with pytest.raises(ColliculusError, match="has format 2"):
        read_prepared(out)
    (out / "prepare.yaml").write_text(seal)
    (out / "audio.npy").write_bytes((out / "audio.npy").read_bytes()[:-4])
    with pytest.raises(ColliculusError, match=r"audio\.npy cannot be read"):
        prepare(small, raw, out, jobs=0)


@pytest.mark.parametrize("count", [3000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_rows(tmp_path, monkeypatch, count):
    """All but the decoding, which takes each row as long as it does the first."""
    (tmp_path / "raw").mkdir()
    lines = [f"{number},{'ab'[number % 2]},many.npz::{number}" for number in range(count)]
    (tmp_path / "raw" / "many.csv").write_text("\n".join(["name,label,lidar", *lines]))
    recipe = ManifestRecipe(sounds=(), pictures=(), arrays=("lidar:1x2x2",))

    def undecoded(_place, _sources, todo):
        return (Outcome(row=row, missing=(), content=f"{row:064x}", sha256={"lidar": "00"}) for row in todo)

    with monkeypatch.context() as patch:
        patch.setattr(build, "in_this_process", undecoded)
        summary = prepare(recipe, tmp_path / "raw" / "many.csv", tmp_path / "out", jobs=0)
    assert summary.usable == count
    folder = read_prepared(tmp_path / "out")
    assert [(o.row, o.content) for o in folder.outcomes[-2:]] == [(n, f"{n:064x}") for n in (count - 2, count - 1)]
    assert folder.sources[2777].files == {"lidar": "many.npz::2777"}
    assert folder.arrays["lidar"].memory_map().shape == (count, 1, 2, 2)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 kB, where the machine lets a test have one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        pytest.skip("there is no program to mount a disk with")
    command = [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a disk cannot be mounted here")
    yield disk
    subprocess.run([unmount, str(disk)], check=True)


def test_a_disk_that_is_really_full(raw, small, small_disk, tmp_path, digest_of, monkeypatch):
    large = replace(small, visual=Frames(size=(64, 64)))
    with pytest.raises(ColliculusError, match=r"needs 0\.00 GB and its disk has 0\.00 GB left"):
        prepare(large, raw, small_disk / "out", jobs=0)
    usage = shutil.disk_usage(small_disk)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=10**9))
    with pytest.raises(ColliculusError, match=r"out is full \(No space left on device\): free some space"):
        prepare(large, raw, small_disk / "out", jobs=0)
    moved = shutil.copytree(small_disk / "out", tmp_path / "out")
    assert prepare(large, raw, moved, jobs=0).kept > 0
    prepare(large, raw, tmp_path / "whole", jobs=0)
    assert digest_of(moved) == digest_of(tmp_path / "whole")


def test_a_repaired_file_is_taken_in(raw, small, tmp_path, digest_of, add_pair):
    out, good = tmp_path / "out", {path: path.read_bytes() for path in (raw / "cat").glob("*.wav")}
    for name in ("0.wav", "2.wav"):
        (raw / "cat" / name).write_bytes(b"no sound at all")
    assert prepare(small, raw, out, jobs=0).usable == 10
    (raw / "cat" / "0.wav").write_bytes(good[raw / "cat" / "0.wav"])
    summary = prepare(small, raw, out, jobs=0)
    assert (summary.usable, summary.kept) == (11, 11)
    assert prepare(small, raw, out, jobs=0).kept == 12
    prepare(small, raw, tmp_path / "anew", jobs=0)
    assert digest_of(out) == digest_of(tmp_path / "anew")
    (raw / "cat" / "2.wav").write_bytes(good[raw / "cat" / "2.wav"])
    before = digest_of(out)
    add_pair(raw / "cat", "0", 79)
    with pytest.raises(ColliculusError, match="files of 'cat/0' have changed"):
        prepare(small, raw, out, jobs=0)
    assert digest_of(out) == before


@pytest.mark.parametrize("step", ["write_manifest", "open_journal", "write_document", "_build"])
def test_a_kill_while_a_repaired_file_is_taken_in(raw, small, tmp_path, digest_of, monkeypatch, step):
    out, sound = tmp_path / "out", (raw / "cat" / "0.wav").read_bytes()
    (raw / "cat" / "0.wav").write_bytes(b"no sound at all")
    prepare(small, raw, out, jobs=0)
    (raw / "cat" / "0.wav").write_bytes(sound)
    reopen = build._reopen

    def killed(*_arguments, **_settings):
        raise KeyboardInterrupt

    def dying(*arguments):
        if step != "_build":
            monkeypatch.setattr(build, step, killed)
        reopen(*arguments)

    with monkeypatch.context() as patch:
        original = getattr(build, step)
        patch.setattr(build, "_reopen", dying)
        if step == "_build":
            patch.setattr(build, step, killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(small, raw, out, jobs=0)
    monkeypatch.setattr(build, step, original)
    assert prepare(small, raw, out, jobs=0).usable == 12
    prepare(small, raw, tmp_path / "anew", jobs=0)
    assert digest_of(out) == digest_of(tmp_path / "anew")


def test_other_versions_do_not_decode_beside_the_first(raw, small, tmp_path, monkeypatch):
    out, sound = tmp_path / "out", (raw / "cat" / "0.wav").read_bytes()
    (raw / "cat" / "0.wav").write_bytes(b"no sound at all")
    prepare(small, raw, out, jobs=0)
    monkeypatch.setattr(build, "package_version", lambda *_: "99")
    assert prepare(small, raw, out, jobs=0).kept == 12
    (raw / "cat" / "0.wav").write_bytes(sound)
    with pytest.raises(ColliculusError, match="prepare the repaired files into a new folder"):
        prepare(small, raw, out, jobs=0)


def test_only_what_the_program_itself_left_is_deleted(raw, small, tmp_path):
    out = tmp_path / "out"
    prepare(small, raw, out, jobs=0)
    (out / "thesis.tmp").write_text("years of work")
    for name in ("photos.tmp", ".incomplete-thesis-2", ".incomplete-ab12_xyz"):
        (out / name).mkdir()
    (out / "manifest.csv.tmp").touch()
    with pytest.raises(ColliculusError, match="prepared otherwise"):
        prepare(replace(small, visual=Frames(size=(9, 9))), raw, out, jobs=0)
    assert (out / "manifest.csv.tmp").exists()
    prepare(small, raw, out, jobs=0)
    assert (out / "thesis.tmp").read_text() == "years of work"
    left = {path.name for path in out.iterdir()} - {".lock", "audio.npy", "visual.npy", "manifest.csv", "prepare.yaml"}
    assert left == {"thesis.tmp", "photos.tmp", ".incomplete-thesis-2"}


@pytest.mark.parametrize("finished", [True, False])
def test_a_refusal_writes_nothing(raw, small, tmp_path, digest_of, add_pair, finished, monkeypatch):
    out = tmp_path / "out"
    if finished:
        prepare(small, raw, out, jobs=0)
    else:
        with monkeypatch.context() as patch:
            patch.setattr(build, "_seal", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                prepare(small, raw, out, jobs=0)
    before = digest_of(out), sorted(out.iterdir())
    add_pair(raw / "cat", "new", 99)
    with pytest.raises(ColliculusError, match="its samples is 12 and not 13"):
        prepare(small, raw, out, jobs=0)
    assert (digest_of(out), sorted(out.iterdir())) == before


def test_a_disk_without_locks_is_warned_of(raw, small, tmp_path, monkeypatch):
    def unlockable(_file):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock, "_lock", unlockable)
    with pytest.warns(UserWarning, match="cannot be locked .*: let no other process prepare into it"):
        assert prepare(small, raw, tmp_path / "out", jobs=0).usable == 12


def test_an_unfinished_preparation_is_told(raw, small, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "_seal", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        prepare(small, raw, tmp_path / "out", jobs=0)
    with pytest.raises(ColliculusError, match="is not finished: run it again"):
        read_prepared(tmp_path / "out")
