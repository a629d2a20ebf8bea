"""The jobs here run a few lines of Python instead of a training, which write the result of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from waiting import wait_for

from colliculus.files.lock import locked
from colliculus.presets import preset
from colliculus.runs.metrics import Metrics
from colliculus.runs.result import TrainingResult
from colliculus.sweeps import jobs, work
from colliculus.sweeps.job_board import JobBoard, ended
from colliculus.sweeps.jobs import Job
from colliculus.sweeps.launchers import Local, Lost, order
from colliculus.sweeps.work import MAX_LOSSES, run_jobs
from colliculus.training.checkpoint import IN_HAND
from colliculus.training.conclude import Choice

METRICS = Metrics.from_confusion(np.array([[1, 1], [0, 2]]), ("a", "b"))
RESULT = json.dumps(
    TrainingResult(
        preset="late-fusion-synthetic", method="late-fusion", dataset="synthetic", protocol="", fingerprint="", seed=0,
        epochs=1, best_epoch=1, selection="", parameters=1, validation=METRICS, test=METRICS, samples_per_second=1.0,
        world_size=1, device="cpu", versions={},
    ).to_dict()
)  # fmt: skip

PROGRAM = """
import os, sys, time, pathlib
folder = pathlib.Path(sys.argv[4])
folder.mkdir(exist_ok=True)
with (folder.parent / "spans.txt").open("a") as file:
    start = time.monotonic()
    if "broken" in folder.name:
        print("colliculus: error: it is broken")
        sys.exit(2)
    time.sleep(0.3)
    (folder / "result.json").write_text(os.environ["RESULT"])
    (folder / "threads").write_text(os.environ["OMP_NUM_THREADS"])
    file.write(f"{folder.name} {start} {time.monotonic()}\\n")
"""

LOST = f"""
import sys, pathlib
if not (mark := pathlib.Path(sys.argv[4] + ".lost")).exists():
    mark.touch()
    sys.exit("it {IN_HAND}: wait")
"""


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", PROGRAM))
    monkeypatch.setattr(work, "POLL_S", 0.01)
    monkeypatch.setenv("RESULT", RESULT)
    experiment = preset("late-fusion-synthetic")
    return lambda *names: [Job("late-fusion-synthetic", tmp_path / "out" / name, experiment) for name in names]


def ignore(running, elsewhere, over):
    pass


def spans(tmp_path):
    rows = [line.split() for line in (tmp_path / "out" / "spans.txt").read_text().splitlines()]
    return [(float(start), float(end)) for _, start, end in rows]


@pytest.mark.parametrize("at_once", [1, 2])
def test_so_many_run_side_by_side_and_never_more(make, tmp_path, at_once):
    seen = []
    todo = make("a", "b", "c")
    assert (
        run_jobs(todo, at_once, lambda running, elsewhere, over: seen.append((len(list(running)), dict(over))), Local())
        == {}
    )
    assert max(count for count, _ in seen) == at_once
    assert seen[-1] == (0, dict.fromkeys(todo))
    edges = sorted([(start, 1) for start, _ in spans(tmp_path)] + [(end, -1) for _, end in spans(tmp_path)])
    assert max(sum(step for _, step in edges[: i + 1]) for i in range(len(edges))) <= at_once


def test_each_has_one_thread_unless_the_user_says_otherwise(make, monkeypatch):
    (first, second) = make("a", "b")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    run_jobs([first], 1, ignore, Local())
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    run_jobs([second], 1, ignore, Local())
    assert [(job.folder / "threads").read_text() for job in (first, second)] == ["1", "3"]


def test_a_failure_is_kept_with_its_last_words_and_the_rest_goes_on(make):
    todo = make("broken-1", "a", "broken-2", "b")
    failed = run_jobs(todo, 2, ignore, Local())
    assert failed == {todo[0]: "it is broken", todo[2]: "it is broken"}
    assert [job.is_done for job in todo] == [False, True, False, True]
    assert run_jobs(todo, 2, ignore, Local()).keys() == failed.keys()  # what failed is tried again
    assert todo[0].log.read_text().count("it is broken") == 2


def test_the_epochs_of_a_refit_are_those_of_both_trainings(make):
    (job,) = make("a")
    planned = job.experiment.train.epochs
    assert (job.num_epochs, job.total_epochs) == (0, planned)
    selection = job.folder / "selection"
    selection.mkdir(parents=True)
    (selection / "metrics.csv").write_text("epoch\n1\n2\n3\n")
    assert (job.num_epochs, job.total_epochs) == (3, 2 * planned)
    Choice(epoch=2, selection="", validation=None, decisions=()).save(selection / "choice.json")
    (job.folder / "metrics.csv").write_text("epoch\n1\n")
    assert (job.num_epochs, job.total_epochs) == (4, planned + 2)


def test_a_bar_ends_with_the_refit(make):
    (job,) = make("a")
    (job.folder / "selection").mkdir(parents=True)
    board = JobBoard(1, 0, ended)
    board.watch([job], [], {})
    bar = board.tasks[-1]
    planned = job.experiment.train.epochs
    assert (bar.description, bar.completed, bar.total) == ("a", 0, 2 * planned)
    Choice(epoch=2, selection="", validation=None, decisions=()).save(job.folder / "selection" / "choice.json")
    (job.folder / "selection" / "metrics.csv").write_text("epoch\n" + "1\n" * planned)
    (job.folder / "metrics.csv").write_text("epoch\n1\n2\n")
    board.watch([job], [], {})
    assert bar.completed == bar.total == planned + 2


def test_what_is_done_is_not_run_again(make, tmp_path):
    todo = make("a", "b")
    run_jobs(todo, 2, ignore, Local())
    before = spans(tmp_path)
    assert run_jobs(todo, 2, ignore, Local()) == {}
    assert spans(tmp_path) == before


@pytest.mark.skipif(os.name == "nt", reason="no locks there")
def test_a_job_that_inherits_its_log_inherits_the_lock(tmp_path):
    with (tmp_path / "log").open("ab") as log:
        assert order._is_ours(log)
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=log)
    with (tmp_path / "log").open("ab") as log:
        assert not order._is_ours(log)
        process.communicate(b"go\n")
        assert order._is_ours(log)


@pytest.mark.skipif(os.name == "nt", reason="no locks there")
def test_two_sweeps_share_the_work_and_no_job_runs_twice(make, tmp_path):
    todo = make("a", "b", "c")
    if (child := os.fork()) == 0:
        run_jobs(todo, 1, ignore, Local())
        os._exit(0)
    assert run_jobs(todo, 1, ignore, Local()) == {}
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(spans(tmp_path)) == 3


def test_a_job_that_another_process_trains_is_left_to_it_and_begun_when_that_dies(make):
    todo, seen, other = make("a", "b"), [], ExitStack()
    todo[0].folder.mkdir(parents=True)
    other.enter_context(locked(todo[0].folder, "is held"))

    def watch(running, elsewhere, over):
        seen.append((list(running), list(elsewhere)))
        if todo[1].is_done:
            assert not todo[0].log.read_bytes()
            other.close()

    assert run_jobs(todo, 2, watch, Local()) == {}
    assert seen[0] == ([todo[1]], [todo[0]])
    assert ([todo[0]], []) in seen
    assert all(job.is_done for job in todo)


def test_a_job_that_another_process_has_finished_is_done(make):
    (job,) = make("a")
    job.folder.mkdir(parents=True)
    with locked(job.folder, "is held"):

        def watch(running, elsewhere, over):
            if elsewhere:
                (job.folder / "result.json").write_text(RESULT)

        assert run_jobs([job], 1, watch, Local()) == {}
    assert not job.log.read_bytes()


def test_a_job_that_lost_the_race_for_its_folder_has_not_failed(make, monkeypatch):
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", LOST + PROGRAM))
    (job,) = make("a")
    assert run_jobs([job], 1, ignore, Local()) == {}
    assert job.is_done
    assert IN_HAND in job.log.read_text()


def test_whoever_interrupts_leaves_no_process_behind(make):
    todo = make("a", "b")
    seen = []

    def interrupt(running, elsewhere, over):
        seen.extend(running)
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_jobs(todo, 2, interrupt, Local())
    assert seen == todo
    assert time.monotonic() - start < 20
    time.sleep(0.5)
    assert not any(job.is_done for job in todo)


class Unlucky:
    """An engine whose first workers are lost; each finishes `epochs` epochs before."""

    def __init__(self, losses, epochs=0):
        self.losses, self.epochs, self.starts = losses, epochs, 0

    @contextmanager
    def open(self):
        yield self

    def start(self, job):
        self.starts += 1
        if self.starts > self.losses:
            return Local().start(job)
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "metrics.csv").write_text("epoch\n" + "1\n" * self.epochs * self.starts)
        return SimpleNamespace(ending=lambda: Lost(f"worker {self.starts} burnt"))


def test_a_job_whose_worker_is_lost_is_started_again(make):
    todo, engine = make("a", "b"), Unlucky(MAX_LOSSES)
    assert run_jobs(todo, 1, ignore, engine) == {}
    assert all(job.is_done for job in todo)
    assert engine.starts == MAX_LOSSES + 2


def test_a_job_that_loses_every_worker_fails_with_the_last_reason(make):
    (job,), engine = make("a"), Unlucky(MAX_LOSSES + 1)
    assert run_jobs([job], 1, ignore, engine) == {job: f"worker {MAX_LOSSES + 1} burnt"}
    assert engine.starts == MAX_LOSSES + 1


def test_losses_are_counted_from_the_last_finished_epoch(make):
    (job,), engine = make("a"), Unlucky(3 * MAX_LOSSES, epochs=1)
    assert run_jobs([job], 1, ignore, engine) == {}
    assert engine.starts == 3 * MAX_LOSSES + 1


def test_a_killed_training_has_failed_by_the_signal(make, monkeypatch):
    kill = "import os, signal; print('epoch 1/3', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", kill))
    (job,) = make("a")
    assert run_jobs([job], 1, ignore, Local()) == {job: "ended by SIGKILL"}


@pytest.mark.skipif(sys.platform != "linux", reason="only its kernel has that")
def test_a_training_ends_with_the_process_that_started_it(tmp_path):
    start = f"""
import sys, time
from pathlib import Path
from colliculus.sweeps.launchers.order import Order
Order(command=(sys.executable, "-c", {ALIVE!r}, {str(tmp_path)!r}), folder=Path({str(tmp_path / "run")!r}),
      directory=Path.cwd(), threads="1").begin()
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", start]) as starter:
        wait_for(tmp_path / "alive")
        starter.kill()
    wait_for(tmp_path / "asked to stop")


ALIVE = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: sys.exit((folder / "asked to stop").touch()))
(folder / "alive").touch()
time.sleep(60)
"""
