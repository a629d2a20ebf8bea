"""Jobs side by side: which of them start, wait, run, and are started again after a loss."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from signal import Signals

from colliculus.sweeps.jobs import Job
from colliculus.sweeps.launchers.launcher import PATIENCE_S, POLL_S, Engine, Launcher, Lost, Task
from colliculus.training.checkpoint import IN_HAND

MAX_LOSSES = 3
"""Workers that a training may lose in a row without finishing an epoch."""

Watch = Callable[[Iterable[Job], Iterable[Job], Mapping[Job, str | None]], None]
"""Called at every poll with the jobs running here, those running elsewhere, and the ended ones with their errors."""


def run_jobs(jobs: Sequence[Job], at_once: int, watch: Watch, launcher: Launcher) -> dict[Job, str]:
    """Run jobs side by side; the others run even if one fails.

    Args:
        jobs: jobs in the order in which they start; finished ones are skipped.
        at_once: number of simultaneous trainings.
        watch: called at every poll.
        launcher: where they run.

    Returns:
        The error of each failed job.
    """
    with side_by_side(launcher, at_once) as work:
        work.waiting += jobs
        while work.is_left:
            work.step()
            watch(work.running, work.elsewhere, work.over)
            time.sleep(POLL_S)
    return {job: error for job, error in work.over.items() if error is not None}


@contextmanager
def side_by_side(launcher: Launcher, at_once: int) -> Generator[Work]:
    """Work for a launcher, which stops all trainings that still run at the end of the block.

    Args:
        launcher: where the trainings run.
        at_once: number of simultaneous trainings.
    """
    with launcher.open() as engine:
        work = Work(engine, at_once)
        try:
            yield work
        finally:
            end(work.running.values())


class Work:
    """Jobs that run side by side.

    A job that another process runs is waited for; if that process dies, the job is started here. A job whose worker is
    lost is started again, which resumes it.

    Args:
        engine: where they run.
        at_once: number of simultaneous trainings.

    Attributes:
        waiting: jobs to start, in this order; more may be added at any time.
        running: started jobs.
        elsewhere: waiting jobs that another process runs.
        over: ended jobs with their errors.
    """

    def __init__(self, engine: Engine, at_once: int) -> None:
        self._engine, self._at_once = engine, at_once
        self._losses = dict[Job, tuple[int, int]]()
        self._stopped = set[Job]()
        self.waiting: list[Job] = []
        self.running: dict[Job, Task] = {}
        self.elsewhere: list[Job] = []
        self.over: dict[Job, str | None] = {}

    @property
    def is_left(self) -> bool:
        """True while jobs wait or run."""
        return bool(self.waiting or self.running)

    def step(self) -> None:
        """Look once at all jobs: take in those that ended, and start those for which there is room."""
        for job, ending in [(job, task.ending()) for job, task in self.running.items()]:
            if ending is not None:
                del self.running[job]
                self._conclude(job, ending)
        self.elsewhere = []
        for job in list(self.waiting):
            if job.is_done:
                self.over[job] = None
            elif len(self.running) >= self._at_once:
                continue
            elif (task := self._engine.start(job)) is not None:
                self.running[job] = task
            else:
                self.elsewhere.append(job)
                continue
            self.waiting.remove(job)

    def stop(self, job: Job) -> None:
        """Stop a running job before its end; it is over when it has written its state."""
        self._stopped.add(job)
        self.running[job].stop()

    def _conclude(self, job: Job, ending: int | Lost) -> None:
        if job.is_done and (ending == 0 or isinstance(ending, Lost)):
            self.over[job] = None
        elif job in self._stopped:
            self.over[job] = "stopped"
        elif isinstance(ending, Lost):
            if self._may_lose(job):
                self.waiting.insert(0, job)
            else:
                self.over[job] = ending.reason
        elif IN_HAND in (error := f"ended by {Signals(-ending).name}" if ending < 0 else job.complaint()):
            self.waiting.append(job)  # another process began it in the meantime
        else:
            self.over[job] = error

    def _may_lose(self, job: Job) -> bool:
        """True unless a job has lost too many workers since its last epoch."""
        epochs, (before, losses) = job.num_epochs, self._losses.get(job, (0, 0))
        losses = losses + 1 if epochs == before else 1
        self._losses[job] = epochs, losses
        return losses <= MAX_LOSSES


def end(tasks: Iterable[Task]) -> None:
    """Ask trainings to write their state, and wait until they end."""
    left = list(tasks)
    for task in left:
        task.stop()
    deadline = time.monotonic() + PATIENCE_S
    while (left := [task for task in left if task.ending() is None]) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    for task in left:
        task.kill()
