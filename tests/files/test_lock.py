from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from colliculus.files.lock import LOCK_FILE, is_locked, locked
from colliculus.types import ColliculusError

HOLD = "import sys, pathlib; from colliculus.files.lock import locked\nwith locked(pathlib.Path(sys.argv[1]), ''):"
HOLD += " print('held', flush=True); sys.stdin.read()"


def test_one_holds_a_folder_and_the_next_is_reported(tmp_path):
    assert not is_locked(tmp_path)
    with locked(tmp_path, "is busy"):
        assert is_locked(tmp_path)
        with pytest.raises(ColliculusError, match="is busy: wait until it is done"), locked(tmp_path, "is busy"):
            pass
        assert is_locked(tmp_path)  # whoever was refused has taken nothing away
    assert not is_locked(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]


def test_to_ask_leaves_nothing_behind(tmp_path):
    assert not is_locked(tmp_path)
    assert not is_locked(tmp_path / "absent")
    assert not list(tmp_path.iterdir())


def test_a_lock_goes_with_the_process_that_holds_it(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        assert is_locked(tmp_path)
        process.kill()
        process.wait()
        assert not is_locked(tmp_path)


def test_a_forked_child_does_not_keep_the_lock(tmp_path):
    with locked(tmp_path, "is busy"):
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            os.read(reader, 1)
            os._exit(0)
    assert not is_locked(tmp_path)
    os.write(writer, b"x")
    assert os.waitpid(child, 0)[1] == 0


def test_a_lock_file_that_cannot_be_opened_is_an_error(tmp_path):
    (tmp_path / LOCK_FILE).symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic"), locked(tmp_path, "is busy"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_on_a_disk_without_locks_nothing_is_locked(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def unlockable(_file, _operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", unlockable)
    with pytest.warns(UserWarning, match="cannot be locked"), locked(tmp_path, "is busy"):
        assert not is_locked(tmp_path)
