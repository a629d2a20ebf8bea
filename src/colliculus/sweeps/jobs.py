"""Trainings as jobs: each is one `colliculus train` command in a process of its own, several at once.

Only the run folders record which jobs are done or running, so that a job may also be run by hand or by a cluster's
scheduler, and a kill at any moment costs at most an epoch.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import join
from typing import IO, Any

from colliculus.files.atomic import not_following
from colliculus.files.lock import is_locked
from colliculus.presets import PRESETS
from colliculus.runs.experiment import Experiment
from colliculus.runs.flags import changed, flags
from colliculus.runs.result import read_result
from colliculus.training.checkpoint import IN_HAND

PROGRAM = (sys.executable, "-m", "colliculus")
POLL_S = 0.2
PATIENCE_S = 60
"""Seconds that a training may take to write its state after it was asked to stop."""


@dataclass(frozen=True)
class Job:
    """One training.

    Args:
        preset: name of the preset that the experiment was made from.
        folder: run folder.
        experiment: method, data and training settings.
    """

    preset: str
    folder: Path
    experiment: Experiment[Any, Any] = field(compare=False)

    @property
    def arguments(self) -> list[str]:
        """Arguments of `colliculus`; a training that was stopped is resumed."""
        changes = changed(self.experiment, PRESETS[self.preset].experiment)
        changes.pop("train.seed", None)  # it stands last, and also where it is that of the preset
        settings = flags(changes | {"train.seed": self.experiment.train.seed})
        return ["train", self.preset, "--out", str(self.folder), "--resume", *settings]

    @property
    def line(self) -> str:
        """The command as one line for a shell."""
        return join(["colliculus", *self.arguments])

    @property
    def log(self) -> Path:
        """Output of the training, beside its folder."""
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def is_done(self) -> bool:
        """True when the training is finished."""
        return read_result(self.folder) is not None

    def complaint(self) -> str:
        """Last line of the log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1].removeprefix("colliculus: error: ") if lines else "no output"


Watch = Callable[[Iterable[Job], Iterable[Job], Mapping[Job, str | None]], None]
"""Called at every poll with the jobs running here, those running elsewhere, and the ended ones with their errors."""


def run_jobs(jobs: Sequence[Job], at_once: int, watch: Watch) -> dict[Job, str]:
    """Run jobs side by side; the others run even if one fails.

    A job that another process runs is waited for; if that process dies, the job is started here.

    Args:
        jobs: jobs in the order in which they start; finished ones are skipped.
        at_once: number of simultaneous processes, one thread each unless OMP_NUM_THREADS is set.
        watch: called at every poll.

    Returns:
        The error of each failed job.
    """
    waiting, running = list(jobs), dict[Job, subprocess.Popen[bytes]]()
    over: dict[Job, str | None] = {}
    try:
        while waiting or running:
            for job, process in [(j, p) for j, p in running.items() if p.poll() is not None]:
                del running[job]
                complaint = None if job.is_done and not process.returncode else job.complaint()
                if complaint and IN_HAND in complaint:  # another process began it in the meantime
                    waiting.append(job)
                else:
                    over[job] = complaint
            elsewhere: list[Job] = []
            for job in list(waiting):
                if job.is_done:
                    over[job] = None
                elif len(running) >= at_once:
                    continue
                elif (process := _start(job)) is not None:
                    running[job] = process
                else:
                    elsewhere.append(job)
                    continue
                waiting.remove(job)
            watch(running, elsewhere, over)
            time.sleep(POLL_S)
    finally:
        _stop(running.values())
    return {job: error for job, error in over.items() if error is not None}


def _start(job: Job) -> subprocess.Popen[bytes] | None:
    """Start a job; None while another process runs it.

    A training locks its run folder; before that, a job that another sweep has started holds the lock of its log.
    """
    job.folder.parent.mkdir(parents=True, exist_ok=True)
    with open(job.log, "ab", opener=not_following) as log:
        if not _is_ours(log) or is_locked(job.folder) or job.is_done:
            return None
        return subprocess.Popen(
            [*PROGRAM, *job.arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"OMP_NUM_THREADS": "1", **os.environ},
            start_new_session=True,  # Ctrl-C reaches it once, through `_stop`
        )


def _is_ours(log: IO[bytes]) -> bool:
    """Lock the log for as long as this process or the job, which inherits it, has it open; False if another has."""
    if sys.platform == "win32":  # a job cannot write to a locked file there
        return True
    import fcntl

    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks
        return True
    return True


def _stop(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """Ask trainings to write their state and end."""
    for process in (left := list(processes)):
        process.terminate()
    for process in left:
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
