from __future__ import annotations

from pathlib import Path

import pytest

from colliculus.files.atomic import write_atomic
from colliculus.types import ColliculusError


def test_content_is_replaced_and_no_litter_is_left(tmp_path):
    for content in (b"first", b"second, longer", b""):
        write_atomic(tmp_path / "new" / "file", content)
        assert (tmp_path / "new" / "file").read_bytes() == content
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_a_failure_while_writing_leaves_the_old_content(tmp_path, monkeypatch):
    write_atomic(tmp_path / "file", b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ColliculusError, match=r"file cannot be written \(No space left on device\)"):
        write_atomic(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_litter_of_a_kill_is_written_over(tmp_path):
    (tmp_path / "file.tmp").write_bytes(b"half of a much longer file")
    write_atomic(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert not Path(tmp_path / "file.tmp").exists()
