"""Trainings that are stopped wait after their first epoch for a file `go`, so that every signal meets a running one."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from waiting import WAITING, left_by, wait_for

from colliculus.sweeps import jobs
from colliculus.sweeps.job_board import JobBoard
from colliculus.sweeps.jobs import Job
from colliculus.sweeps.plan import plan_sweep
from colliculus.sweeps.sweep import Sweep, SweepInterrupted, sweep
from colliculus.training.checkpoint import read_state

METHODS = ["late-fusion-synthetic", "weighted-attention-synthetic"]

SWEEPING = f"""
import sys
from pathlib import Path
from colliculus.sweeps import jobs
from colliculus.sweeps.sweep import sweep

jobs.PROGRAM = (sys.executable, "-c", {WAITING!r})
sweep({METHODS}, seeds=1, overrides={{overrides}}, out=Path(sys.argv[1]))
"""


def times(out):
    return {path: path.stat().st_mtime_ns for path in out.rglob("*")}


def test_finished_trainings_are_compared_and_not_run_again(trained, small, tmp_path):
    before = times(trained)
    found = sweep(METHODS, seeds=1, overrides=small, out=trained, baseline="weighted-attention-synthetic")
    assert times(trained) == before
    assert [(one.name, one.seed, one.error) for one in found.trainings] == [(f"{m}_seed0", 0, None) for m in METHODS]
    assert [one.accuracy for one in found.trainings] == [m.score.accuracy for m in found.comparison.methods]
    assert found.comparison.baseline == "weighted-attention-synthetic"
    assert (found.failure, found.remark) == ("", "")
    assert Sweep.read(found.save(tmp_path / "sweep.json")) == found
    assert str(found.table()) == str(found.comparison.table())


@pytest.fixture
def ctrl_c():
    """Ctrl-C interrupts, also where the tests themselves run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupted_sweep_continues_and_ends_as_if_it_had_not_been_interrupted(whole, small, tmp_path, monkeypatch):
    watch = JobBoard.watch

    def interrupt(board, *state):
        watch(board, *state)
        if (tmp_path / "waits").exists():
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", WAITING))
    asked = {"presets": METHODS[:1], "seeds": 1, "overrides": small, "out": tmp_path}
    with monkeypatch.context() as patched:
        patched.setattr(JobBoard, "watch", interrupt)
        with pytest.raises(SweepInterrupted, match="0 of 1 trainings are finished, the same command continues"):
            sweep(**asked)
    assert len(read_state(tmp_path / f"{METHODS[0]}_seed0").history) == 1
    assert sweep(**asked).failure == ""
    assert left_by(tmp_path) == left_by(whole, METHODS[0])


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_sweep_ended_from_outside_continues_the_same_way(whole, small, tmp_path, how):
    program = SWEEPING.format(overrides=small)
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stderr=subprocess.DEVNULL) as process:
        wait_for(tmp_path / "waits")
        process.send_signal(how)
        process.wait(100)
    (tmp_path / "go").touch()
    found = sweep(METHODS, seeds=1, overrides=small, out=tmp_path)
    assert found.failure == ""
    assert left_by(tmp_path) == left_by(whole)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("dies", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_training_started_by_hand_is_waited_for_and_resumed_when_it_dies(capsys, small, tmp_path, monkeypatch, dies):
    (job,) = plan_sweep(METHODS[:1], seeds=1, overrides=small, out=tmp_path)
    watch = JobBoard.watch
    with subprocess.Popen([sys.executable, "-c", WAITING, *job.arguments], stderr=subprocess.PIPE) as by_hand:

        def go_on(board, running, elsewhere, over):
            watch(board, running, elsewhere, over)
            if elsewhere and not (tmp_path / "go").exists():
                (tmp_path / "go").touch()
                if dies:
                    by_hand.kill()

        wait_for(tmp_path / "waits")
        if dies:
            by_hand.send_signal(signal.SIGSTOP)  # or it might end before it is killed
        monkeypatch.setattr(JobBoard, "watch", go_on)
        found = sweep(METHODS[:1], seeds=1, overrides=small, out=tmp_path)
        assert by_hand.wait(100) == (-signal.SIGKILL if dies else 0)
    assert found.failure == ""
    assert f"{job.folder.name}: is being trained by another process, waiting for it" in capsys.readouterr().err
    assert bool(job.log.read_text()) == dies


@pytest.mark.timeout(100)
def test_a_failed_training_is_named_and_the_others_are_compared(trained, small):
    (folder := trained / "late-fusion-synthetic_seed1").mkdir()
    (folder / "thesis.doc").touch()
    found = sweep(METHODS[:1], seeds=2, overrides=small, out=trained)
    assert [one.error is None for one in found.trainings] == [True, False]
    assert found.failure.startswith("1 of 2 trainings failed: late-fusion-synthetic_seed1 (")
    assert f"see {folder}.log" in found.failure
    assert found.trainings[1].accuracy is None
    assert [method.runs for method in found.comparison.methods] == [(str(trained / "late-fusion-synthetic_seed0"),)]


def test_trainings_that_cannot_be_compared_have_a_remark(small, tmp_path, run_here):
    asked = {"settings": {"train.snr_db": [{"audio": 0}, {"audio": 9}]}, "seeds": 1, "out": tmp_path,
             "overrides": {**small, "train.epochs": 1}}  # fmt: skip
    run_here(plan_sweep(["audio-synthetic"], **asked))
    found = sweep(["audio-synthetic"], **asked)
    assert found.comparison is None
    assert "finished but cannot be compared" in found.remark
    assert [one.error for one in found.trainings] == [None, None]
    assert "finished but cannot be compared" in str(found.table())


def test_a_job_without_output_says_so(tmp_path):
    job = Job("late-fusion-synthetic", tmp_path / "run", None)
    job.log.write_text("\n")
    assert job.complaint() == "no output"
