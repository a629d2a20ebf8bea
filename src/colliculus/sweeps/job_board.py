"""Progress of jobs: a bar for each running training, a line for each that has ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from colliculus.records.console import percent
from colliculus.runs.result import read_result
from colliculus.runs.run import METRICS_FILE
from colliculus.sweeps.jobs import Job
from colliculus.training.checkpoint import IN_HAND


class JobBoard:
    """Shows jobs on stderr; where stderr is not a terminal, only a line for each job that has ended.

    Args:
        jobs: all of them, done or not.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        done = sum(job.is_done for job in jobs)
        self._before, self._all = done, self._bars.add_task("all", total=len(jobs), completed=done, unit="trainings")
        self._tasks: dict[Job, TaskID] = {}
        self._ended: set[Job] = set()
        self._elsewhere: set[Job] = set()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def watch(self, running: Iterable[Job], elsewhere: Iterable[Job], over: Mapping[Job, str | None]) -> None:
        """Show the state of the jobs; see `jobs.Watch`."""
        for job in elsewhere:
            if job not in self._elsewhere:
                self._elsewhere.add(job)
                self._console.print(f"{job.folder.name}: {IN_HAND}, waiting for it", soft_wrap=True)
        for job in [*running, *elsewhere]:
            if job not in self._tasks:
                self._tasks[job] = self._bars.add_task(
                    job.folder.name, total=job.experiment.train.epochs, unit="epochs"
                )
            self._bars.update(self._tasks[job], completed=_epochs(job))
        for job in [job for job in over if job not in self._ended]:
            self._ended.add(job)
            if job in self._tasks:
                self._bars.remove_task(self._tasks.pop(job))
            self._bars.update(self._all, completed=self._before + len(self._ended))
            error = over[job]
            self._console.print(
                f"{job.folder.name}: {_accuracy(job) if error is None else f'FAILED, {error}'}", soft_wrap=True
            )


def _epochs(job: Job) -> int:
    """Finished epochs: lines of the metrics below the heading."""
    try:
        return max(len((job.folder / METRICS_FILE).read_bytes().splitlines()) - 1, 0)
    except OSError:
        return 0


def _accuracy(job: Job) -> str:
    result = read_result(job.folder)
    return percent(result.test.accuracy) if result else "done"
