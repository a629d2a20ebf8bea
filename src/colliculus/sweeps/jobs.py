"""Trainings as jobs: each one `colliculus train` command in a process of its own, several at once.

Nothing but the run folders says what is done and what is in hand, so that a job may also be run by hand or by a
cluster's scheduler, and a kill at any moment costs at most an epoch.
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

from colliculus.files.lock import is_locked
from colliculus.runs.experiment import Experiment
from colliculus.runs.result import read_result
from colliculus.training.checkpoint import IN_HAND

PROGRAM = (sys.executable, "-m", "colliculus")
POLL_S = 0.2
PATIENCE_S = 60
"""How long a training may take to keep its state when it is told to stop."""


@dataclass(frozen=True)
class Job:
    """One training.

    Args:
        preset: name of the experiment.
        folder: of the run.
        flags: settings, as on the command line of `colliculus train`.
        experiment: what they make of the preset.
    """

    preset: str
    folder: Path
    flags: tuple[str, ...]
    experiment: Experiment[Any, Any] = field(compare=False)

    @property
    def arguments(self) -> list[str]:
        """What follows `colliculus`; what was cut off goes on where it stood."""
        return ["train", self.preset, "--out", str(self.folder), "--resume", *self.flags]

    @property
    def line(self) -> str:
        """The command, for a shell."""
        return join(["colliculus", *self.arguments])

    @property
    def log(self) -> Path:
        """What the training says, beside its folder."""
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to train."""
        return read_result(self.folder) is not None

    def complaint(self) -> str:
        """The last line of the log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1].removeprefix("colliculus: error: ") if lines else "it said nothing"


Watch = Callable[[Iterable[Job], Iterable[Job], Mapping[Job, str | None]], None]
"""Is shown again and again which jobs run, which another process runs, and which are over: what went wrong, or None."""


def run_jobs(jobs: Sequence[Job], at_once: int, watch: Watch) -> dict[Job, str]:
    """Run jobs, so many side by side; one that fails does not keep the others from running.

    A job that another process has in hand is left to it and waited for; if that process dies, it is started.

    Args:
        jobs: in the order in which they start; those that are done are passed over.
        at_once: processes at a time, one thread each unless OMP_NUM_THREADS says otherwise.
        watch: see there.

    Returns:
        What each failed job complained of.
    """
    waiting, running = list(jobs), dict[Job, subprocess.Popen[bytes]]()
    over: dict[Job, str | None] = {}
    try:
        while waiting or running:
            for job, process in [(j, p) for j, p in running.items() if p.poll() is not None]:
                del running[job]
                complaint = None if job.is_done and not process.returncode else job.complaint()
                if complaint and IN_HAND in complaint:  # it was begun elsewhere while this one was starting
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
    return {job: told for job, told in over.items() if told is not None}


def _start(job: Job) -> subprocess.Popen[bytes] | None:
    """Start a job; None while another process has it.

    Whoever trains holds the run folder. Another sweep is known by the log, which the job it has started holds from its
    first moment.
    """
    job.folder.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as log:
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
    """Let trainings keep what they have and end."""
    for process in (left := list(processes)):
        process.terminate()
    for process in left:
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
