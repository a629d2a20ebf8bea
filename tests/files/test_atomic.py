from __future__ import annotations

import os
import signal

import pytest

from colliculus.files.atomic import TEMPORARY, atomic_path, remove_leftovers, write_atomic, writing
from colliculus.types import ColliculusError


def test_content_is_replaced_and_nothing_is_left_over(tmp_path):
    for content in (b"first", b"second, longer", b""):
        write_atomic(tmp_path / "new" / "file", content)
        assert (tmp_path / "new" / "file").read_bytes() == content
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_a_failure_while_writing_leaves_the_old_content(tmp_path, monkeypatch):
    write_atomic(tmp_path / "file", b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ColliculusError, match=r"file cannot be written \(No space left on device\): free some space"):
        write_atomic(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failed_block_leaves_the_old_file(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:  # noqa: PT012 - the block is what is tested
        temporary.write_text("new")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_of_the_disk_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    for target in (tmp_path / "file" / "below", tmp_path / "file"):
        with (
            pytest.raises(ColliculusError, match=r"cannot be written \(.+\): free some space") as error,
            writing(target),
            atomic_path(target) as temporary,
        ):
            temporary.mkdir()  # a folder cannot take the place of a file
        assert str(error.value).startswith(str(target))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_appears_when_it_is_complete(tmp_path):
    with atomic_path(tmp_path / "deep" / "folder") as temporary:
        temporary.mkdir()
        (temporary / "a").touch()
        assert not (tmp_path / "deep" / "folder").exists()
    assert [path.name for path in (tmp_path / "deep" / "folder").iterdir()] == ["a"]


def test_no_link_is_followed_and_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "precious").write_text("precious")
    for name in ("file", f"file{TEMPORARY}"):
        (tmp_path / name).symlink_to(tmp_path / "precious")
    before = os.umask(0o022)
    try:
        write_atomic(tmp_path / "file", b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "file").is_symlink()
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_leftovers_of_a_kill_are_removed_and_nothing_else(tmp_path):
    if (child := os.fork()) == 0:
        os.fsync = lambda _handle: os.kill(os.getpid(), signal.SIGKILL)
        write_atomic(tmp_path / "file", b"half")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    (leftover,) = tmp_path.iterdir()
    assert leftover.name.endswith(TEMPORARY)
    for name in (".thesis.abcdefgh.tmp", ".file.longer-than-eight.tmp", "file.tmp", "folder"):
        (tmp_path / name).mkdir()
    (tmp_path / ".file.abcdefgh.tmp").symlink_to(tmp_path / "folder")
    kept = set(tmp_path.iterdir()) - {leftover}
    remove_leftovers(tmp_path, ("other", "file"))
    assert set(tmp_path.iterdir()) == kept
    remove_leftovers(tmp_path / "absent", ("file",))
