"""The loop of a search: trials begin, their trainings are followed, and those that are behind are stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from colliculus.records.console import percent
from colliculus.runs.history import read_metrics
from colliculus.runs.names import SELECTION_FOLDER
from colliculus.runs.result import read_result
from colliculus.sweeps.job_board import JobBoard
from colliculus.sweeps.jobs import Job
from colliculus.sweeps.launchers.launcher import POLL_S
from colliculus.sweeps.trials import FOLDER, Trials
from colliculus.sweeps.work import Work
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from optuna import Trial


class SearchRun:
    """A search at work.

    Args:
        study: its trials.
        work: its trainings.
        job_of: the training for the texts of values; an error of its own where they contradict one another.
    """

    def __init__(self, study: Trials, work: Work, job_of: Callable[[Mapping[str, str]], Job]) -> None:
        self._study, self._work, self._job_of = study, work, job_of
        self._trials: dict[Job, list[Trial]] = {}
        self._reported = dict[Job, int]()
        self._pruned = set[Job]()

    def to_end(self, trials: int, at_once: int, board: JobBoard) -> None:
        """Run all trials that are left."""
        asked, work = len(self._study.all), self._work
        while asked < trials or self._trials:
            while asked < trials and len(self._trials) < at_once:
                asked += 1
                self._begin()
            work.step()
            for job in list(work.running):
                self._follow(job)
            for job in [job for job in self._trials if job in work.over]:
                self._end(job, work.over[job])
            over = {job: "pruned" if job in self._pruned and error else error for job, error in work.over.items()}
            board.watch(work.running, work.elsewhere, over)
            if self._trials:
                time.sleep(POLL_S)

    def _begin(self) -> None:
        """Propose values and put their training on the list; one that was made before is not made again."""
        trial, texts = self._study.ask()
        if (earlier := self._study.equal(trial, texts)) is not None:
            self._study.repeat(trial, earlier)
            return
        try:
            job = self._job_of(texts)
        except ColliculusError as error:
            self._study.fail(trial, str(error))
            return
        trial.set_user_attr(FOLDER, str(job.folder))
        if job not in self._trials:
            self._work.waiting.append(job)
        self._trials.setdefault(job, []).append(trial)

    def _follow(self, job: Job) -> None:
        """Report new epochs of a training, and stop it where it is behind the others."""
        if job not in self._pruned and self._report(job, prune=True):
            self._pruned.add(job)
            self._work.stop(job)

    def _report(self, job: Job, *, prune: bool) -> bool:
        """Report the validation accuracy of new epochs; True if one is so low that the training should end."""
        folder = job.folder / SELECTION_FOLDER if job.experiment.train.refit else job.folder
        for row in read_metrics(folder)[self._reported.get(job, 0) :]:
            self._reported[job] = self._reported.get(job, 0) + 1
            for trial in self._trials[job] if "validation_accuracy" in row else ():
                trial.report(row["validation_accuracy"], int(row["epoch"]))
            if prune and self._trials[job][0].should_prune():
                return True
        return False

    def _end(self, job: Job, error: str | None) -> None:
        if error is None:
            self._report(job, prune=False)
        result = read_result(job.folder)
        for trial in self._trials.pop(job):
            if error is None and result is not None and result.validation is not None:
                self._study.finish(trial, result.validation.accuracy)
            elif job in self._pruned:
                self._study.prune(trial)
            else:
                self._study.fail(trial, f"{error or 'it was not validated'}; see {job.log}")


def validated(job: Job, error: str | None) -> str:
    """Line about an ended training."""
    result = read_result(job.folder)
    if error is None and result is not None and result.validation is not None:
        return f"{percent(result.validation.accuracy)} on the validation part"
    return f"pruned after {job.num_epochs} epochs" if error == "pruned" else f"FAILED, {error}"
