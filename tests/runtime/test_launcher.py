from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from colliculus.runtime.launcher import follow_launcher
from colliculus.types import ColliculusError

RANK = """
import time
from colliculus.runtime.launcher import follow_launcher
follow_launcher()
print(1, flush=True)
time.sleep(600)
"""
LAUNCHER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {RANK!r}], start_new_session=True)"


def test_a_process_ends_after_the_launcher_that_was_killed():
    with socket.create_server(("127.0.0.1", 0)) as store:
        shared = {"TORCHELASTIC_USE_AGENT_STORE": "True", "MASTER_ADDR": "127.0.0.1"}
        shared["MASTER_PORT"] = str(store.getsockname()[1])
        command = [sys.executable, "-c", LAUNCHER]
        with subprocess.Popen(command, env={**os.environ, **shared}, stdout=subprocess.PIPE) as launcher:
            assert launcher.stdout is not None
            assert launcher.stdout.readline() == b"1\n"  # the process follows it, and would sleep for ten minutes
            launcher.kill()
            begin = time.monotonic()
            assert launcher.stdout.read() == b""  # the pipe ends with the last process that holds it
            assert time.monotonic() - begin < 60


def test_a_launcher_that_ended_before_is_one_sentence(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(port))
    with pytest.raises(ColliculusError, match=rf"torchrun ended, or cannot be reached at 127.0.0.1:{port}: start it"):
        follow_launcher()
