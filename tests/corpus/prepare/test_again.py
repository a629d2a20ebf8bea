from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest

from colliculus.corpus.prepare import build, plan
from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.prepare.storage import Frames
from colliculus.types import ColliculusError


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


@pytest.mark.parametrize("step", ["write_manifest", "open_journal", "write_document", "run"])
def test_a_kill_while_a_repaired_file_is_taken_in(raw, small, tmp_path, digest_of, monkeypatch, step):
    out, sound = tmp_path / "out", (raw / "cat" / "0.wav").read_bytes()
    (raw / "cat" / "0.wav").write_bytes(b"no sound at all")
    prepare(small, raw, out, jobs=0)
    (raw / "cat" / "0.wav").write_bytes(sound)
    reopen = build._Job.reopen

    def killed(*_arguments, **_settings):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:

        def dying(*arguments):
            patch.setattr(build._Job if step == "run" else build, step, killed)
            reopen(*arguments)

        patch.setattr(build._Job, "reopen", dying)
        with pytest.raises(KeyboardInterrupt):
            prepare(small, raw, out, jobs=0)
    assert prepare(small, raw, out, jobs=0).usable == 12
    prepare(small, raw, tmp_path / "anew", jobs=0)
    assert digest_of(out) == digest_of(tmp_path / "anew")


def test_other_versions_do_not_decode_beside_the_first(raw, small, tmp_path, monkeypatch):
    out, sound = tmp_path / "out", (raw / "cat" / "0.wav").read_bytes()
    (raw / "cat" / "0.wav").write_bytes(b"no sound at all")
    prepare(small, raw, out, jobs=0)
    monkeypatch.setattr(plan, "package_version", lambda *_: "99")
    assert prepare(small, raw, out, jobs=0).kept == 12
    (raw / "cat" / "0.wav").write_bytes(sound)
    with pytest.raises(ColliculusError, match="prepare the repaired files into a new folder"):
        prepare(small, raw, out, jobs=0)


def test_only_what_the_program_itself_left_is_deleted(raw, small, tmp_path):
    out = tmp_path / "out"
    prepare(small, raw, out, jobs=0)
    (out / "thesis.tmp").write_text("years of work")
    for name in ("photos.tmp", ".thesis.abcdefgh.tmp", ".manifest.csv.ab12_xyz.tmp"):
        (out / name).mkdir()
    with pytest.raises(ColliculusError, match="prepared differently"):
        prepare(replace(small, visual=Frames(size=(9, 9))), raw, out, jobs=0)
    assert (out / ".manifest.csv.ab12_xyz.tmp").exists()
    prepare(small, raw, out, jobs=0)
    assert (out / "thesis.tmp").read_text() == "years of work"
    left = {path.name for path in out.iterdir()} - {".lock", "audio.npy", "visual.npy", "manifest.csv", "prepare.yaml"}
    assert left == {"thesis.tmp", "photos.tmp", ".thesis.abcdefgh.tmp"}


@pytest.mark.parametrize("finished", [True, False])
def test_a_refusal_writes_nothing(raw, small, tmp_path, digest_of, add_pair, finished, monkeypatch):
    out = tmp_path / "out"
    if finished:
        prepare(small, raw, out, jobs=0)
    else:
        with monkeypatch.context() as patch:
            patch.setattr(build._Job, "finalise", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                prepare(small, raw, out, jobs=0)
    before = digest_of(out), sorted(out.iterdir())
    add_pair(raw / "cat", "new", 99)
    with pytest.raises(ColliculusError, match="its samples is 12 and not 13"):
        prepare(small, raw, out, jobs=0)
    assert (digest_of(out), sorted(out.iterdir())) == before


def test_a_disk_without_locks_is_warned_of(raw, small, tmp_path, monkeypatch):
    def unlockable(_file, _operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", unlockable)
    with pytest.warns(UserWarning, match="cannot be locked .*: let no other process write to it"):
        assert prepare(small, raw, tmp_path / "out", jobs=0).usable == 12


def test_an_unfinished_preparation_is_reported(raw, small, tmp_path, monkeypatch):
    monkeypatch.setattr(build._Job, "finalise", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        prepare(small, raw, tmp_path / "out", jobs=0)
    with pytest.raises(ColliculusError, match="is not finished: run the same command again"):
        read_prepared(tmp_path / "out")
