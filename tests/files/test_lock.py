from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from colliculus.files import lock
from colliculus.files.lock import LOCK_FILE, is_locked, locked, take
from colliculus.types import ColliculusError

HOLD = "import sys, pathlib; from colliculus.files.lock import locked\nwith locked(pathlib.Path(sys.argv[1]), ''):"
HOLD += " print('held', flush=True); sys.stdin.read()"


def test_one_holds_a_folder_and_the_next_is_told(tmp_path):
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


@pytest.mark.skipif(os.name == "nt", reason="a lock is not inherited there")
def test_who_inherits_an_open_file_inherits_its_lock(tmp_path):
    with (tmp_path / "log").open("ab") as log:
        assert take(log)
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=log)
    with (tmp_path / "log").open("ab") as log:
        assert not take(log)
        process.communicate(b"go\n")
        assert take(log)


def test_on_a_disk_without_locks_nothing_is_locked(tmp_path, monkeypatch):
    def unlockable(_file):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock, "_lock", unlockable)
    with pytest.warns(UserWarning, match="cannot be locked"), locked(tmp_path, "is busy"):
        assert not is_locked(tmp_path)
