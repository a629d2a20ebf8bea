"""Trainings that wait after their first epoch for a file `go`, so that every signal meets a running one."""

from __future__ import annotations

import json
import time

WAITING = """
import sys, time
from colliculus.cli import main
from colliculus.training import stage

write_state = stage.write_state

def write_and_wait(folder, state):
    write_state(folder, state)
    waits = folder.parent / "waits"
    if not waits.exists():
        waits.touch()
        while not (folder.parent / "go").exists():
            time.sleep(0.01)

stage.write_state = write_and_wait
sys.exit(main(sys.argv[1:]))
"""


def wait_for(path, seconds=100):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} does not appear"
        time.sleep(0.01)


def left_by(out, name=""):
    """Results, without the speed, and models of the runs of a sweep whose names begin with `name`."""
    results = {path.parent.name: json.loads(path.read_text()) for path in sorted(out.glob(f"{name}*/result.json"))}
    for result in results.values():
        del result["samples_per_second"]
    return results, {path.parent.name: path.read_bytes() for path in sorted(out.glob(f"{name}*/model.safetensors"))}
