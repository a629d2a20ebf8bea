"""Progress of jobs: a bar for each running training, a line for each that has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from colliculus.records.console import percent
from colliculus.runs.result import read_result
from colliculus.sweeps.jobs import Job
from colliculus.training.checkpoint import IN_HAND


class JobBoard(Progress):
    """Shows jobs on stderr; where stderr is not a terminal, only a line for each job that has ended.

    Args:
        total: number of all jobs.
        done: number of those that were done before.
        ending: line about a job that has ended, with its error or None.
    """

    def __init__(self, total: int, done: int, ending: Callable[[Job, str | None], str]) -> None:
        console = Console(stderr=True, highlight=False, markup=False)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
        )
        super().__init__(*columns, console=console, disable=not console.is_terminal)
        self._before, self._ending = done, ending
        self._all = self.add_task("all", total=total, completed=self._before, unit="trainings")
        self._bars: dict[Job, TaskID] = {}
        self._ended: set[Job] = set()
        self._elsewhere: set[Job] = set()

    def watch(self, running: Iterable[Job], elsewhere: Iterable[Job], over: Mapping[Job, str | None]) -> None:
        """Show the state of the jobs; see `work.Watch`."""
        for job in [job for job in elsewhere if job not in self._elsewhere]:
            self._elsewhere.add(job)
            self.console.print(f"{job.folder.name}: {IN_HAND}, waiting for it", soft_wrap=True)
        for job in [*running, *elsewhere]:
            if job not in self._bars:
                self._bars[job] = self.add_task(job.folder.name, total=None, unit="epochs")
            self.update(self._bars[job], completed=job.num_epochs, total=job.total_epochs)
        for job in [job for job in over if job not in self._ended]:
            self._ended.add(job)
            if job in self._bars:
                self.remove_task(self._bars.pop(job))
            self.update(self._all, completed=self._before + len(self._ended))
            self.console.print(f"{job.folder.name}: {self._ending(job, over[job])}", soft_wrap=True)


def ended(job: Job, error: str | None) -> str:
    """The test accuracy of a finished job, or the error of a failed one."""
    if error is not None:
        return f"FAILED, {error}"
    result = read_result(job.folder)
    return percent(result.test.accuracy) if result else "done"
