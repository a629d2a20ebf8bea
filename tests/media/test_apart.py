from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from colliculus.media.apart import DecoderError, apart
from colliculus.media.container import tracks
from colliculus.media.notes import collected_notes, note
from colliculus.types import ColliculusError

pytestmark = pytest.mark.timeout(300)  # a busy machine takes long to start a process


def test_another_process_works_and_is_used_again():
    first, second = apart("a", os.getpid), apart("a", os.getpid)
    assert first == second != os.getpid()


def test_a_crash_costs_one_call():
    before = apart("a", os.getpid)
    with pytest.raises(DecoderError, match=r"^a\.wav crashed its decoder \(signal 6\): leave it out$"):
        apart("a.wav", os.abort)
    assert apart("a", os.getpid) not in (before, os.getpid())


def test_a_call_that_hangs_is_ended():
    apart("a", os.getpid)
    start = time.monotonic()
    with pytest.raises(DecoderError, match=r"^a\.wav was not decoded within 0\.5 s: copy or download it again$"):
        apart("a.wav", time.sleep, 100, patience_s=0.5)
    assert time.monotonic() - start < 50
    assert apart("a", os.getpid) != os.getpid()


def test_errors_and_notes_come_back(tmp_path):
    with pytest.raises(ColliculusError, match="is not a file"):
        apart("a", tracks, tmp_path / "none.mp4")
    with pytest.raises(FileNotFoundError) as caught:
        apart("a", os.stat, str(tmp_path / "none"))
    assert caught.value.filename == str(tmp_path / "none")
    with collected_notes() as notes:
        apart("a", note, "silent", "a.wav is silent")
    assert notes == {"silent": "a.wav is silent"}


def test_paths_are_those_of_the_caller(tmp_path, monkeypatch):
    apart("a", os.getpid)
    monkeypatch.chdir(tmp_path)
    assert apart("a", Path.cwd) == tmp_path


def _own() -> int:
    return os.getpid()


def test_a_function_that_no_other_process_can_import_runs_here(monkeypatch):
    """As one of a script or a notebook."""
    script = ModuleType("a_script_of_a_user")
    monkeypatch.setitem(sys.modules, script.__name__, script)
    monkeypatch.setattr(_own, "__module__", script.__name__)
    script._own = _own
    assert apart("a", _own) == os.getpid()


def test_threads_take_turns():
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: apart("a", divmod, number, 7), range(40)))
    assert found == [divmod(number, 7) for number in range(40)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how many threads a process has")
def test_a_process_of_one_thread_forks_a_decoder_that_may_crash():
    """What has been imported need not be again; the fork ends with its parent, and after a crash another one comes."""
    program = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import colliculus.media.apart as media
media.start_early()
first = media._helpers[0].process
try:
    media.apart("a.wav", os.abort)
except media.DecoderError as error:
    print(error)
print(type(first).__name__, media.apart("a", os.getppid) == os.getpid(), media.apart("a", os.getpid) != os.getpid())
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout == "a.wav crashed its decoder (signal 6): leave it out\nForkProcess True True\n"
    assert found.stderr == ""
