from __future__ import annotations

import errno
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest
from dying_decoder import DyingDecoder

from colliculus.corpus.prepare import workers
from colliculus.corpus.prepare.shards import RowFiles
from colliculus.corpus.prepare.workers import results_of
from colliculus.corpus.prepare.workspace import Workspace
from colliculus.corpus.sample import Sample
from colliculus.types import ColliculusError

pytestmark = pytest.mark.timeout(400)  # a busy machine takes long to start a process

NAMES = ["a", "crash", "b", "once", "c", "hang", "d", "e"]


@pytest.fixture
def place(tmp_path):
    for number, name in enumerate(NAMES, 1):
        (tmp_path / f"{name}.txt").write_text(str(number))
    storage = DyingDecoder()
    rows = RowFiles(tmp_path / "value.npy", len(NAMES), storage.shape, storage.dtype)
    rows.create()
    return Workspace(tmp_path, {"value": storage}, {"value": rows}, "skip")


SOURCES = [Sample(name=name, label="0", files={"value": f"{name}.txt"}) for name in NAMES]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_crash_costs_only_its_sample(place, jobs):
    """One of the samples kills its process every time, one only the first time."""
    rows = [row for row, name in enumerate(NAMES) if name != "hang"]
    results = {result.row: result for result in results_of(place, SOURCES, rows, jobs=jobs)}
    assert sorted(results) == rows
    problems = {NAMES[row]: result.problem for row, result in results.items() if result.problem}
    assert problems == {"crash": "crash.txt crashed its decoder (signal 11): leave it out"}
    assert np.load(place.root / "value.npy").reshape(-1).tolist() == [1, 0, 3, 4, 5, 0, 7, 8]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_decoder_that_hangs_is_ended(place, jobs):
    list(results_of(place, SOURCES, [0], jobs=1))  # the process of `apart` has started: its patience counts from then
    found = results_of(place, SOURCES, [NAMES.index("hang"), *[2] * (jobs - 1)], jobs=jobs, patience_s=1)
    (result,) = (result for result in found if result.row == NAMES.index("hang"))
    assert result.problem == "hang.txt was not decoded within 1 s: copy or download it again"
    assert result.missing == ("value",)


def test_no_process_outlives_what_it_was_for(place):
    before = set(multiprocessing.active_children())  # the process of `apart` may be there
    work = results_of(place, SOURCES, [0, 2, 4, 6], jobs=2)
    next(work)
    processes = set(multiprocessing.active_children()) - before
    assert len(processes) == 2
    work.close()
    deadline = time.monotonic() + 10
    while any(process.is_alive() for process in processes) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(process.is_alive() for process in processes)


def test_processes_that_cannot_start_are_reported(place, monkeypatch):
    monkeypatch.setattr(workers, "_work", os._exit)  # another's function, for this test's module cannot be imported
    with pytest.raises(ColliculusError, match="could not be started"):
        list(results_of(place, SOURCES, [0, 2], jobs=2))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_in_a_process_is_an_error_here(place):
    (place.root / "value.npy").unlink()
    (place.root / "value.npy").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        list(results_of(place, SOURCES, [0], jobs=1))
    assert caught.value.errno == errno.ENOSPC
