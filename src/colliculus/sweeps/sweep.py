"""Sweeps: presets x seeds x settings, trained side by side and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colliculus.evaluation.comparison import Comparison, compare
from colliculus.files.documents import package_version
from colliculus.records import Column, Record, Table, Tables
from colliculus.records.console import percent
from colliculus.runs.result import read_result
from colliculus.sweeps.job_board import JobBoard, ended
from colliculus.sweeps.jobs import Job
from colliculus.sweeps.launchers import Launcher, Local
from colliculus.sweeps.plan import Values, plan_sweep
from colliculus.sweeps.work import run_jobs
from colliculus.training.interrupt import signals_as_interrupt
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP ended a sweep; the message says how to continue."""


@dataclass(frozen=True, kw_only=True)
class SweptTraining:
    """One training of a sweep.

    Args:
        name: name of its run folder.
        preset: name of the preset.
        seed: seed of the training.
        folder: run folder.
        accuracy: test accuracy, a fraction; None where the training failed.
        error: why the training failed; None where it did not.
    """

    name: str
    preset: str
    seed: int
    folder: str
    accuracy: float | None
    error: str | None

    @classmethod
    def of(cls, job: Job, error: str | None) -> SweptTraining:
        """A job that has ended."""
        result = read_result(job.folder)
        accuracy = result.test.accuracy if result and error is None else None
        name, folder, seed = job.folder.name, str(job.folder), int(job.experiment.train.seed)
        return cls(name=name, preset=job.preset, seed=seed, folder=folder, accuracy=accuracy, error=error)


@dataclass(frozen=True, kw_only=True)
class Sweep(Record):
    """Trainings of a sweep and the comparison of their methods.

    Args:
        version: version of colliculus that ran the sweep.
        trainings: all trainings, seed by seed.
        comparison: comparison of the methods; None where there is none.
        remark: why there is no comparison; empty where there is one.
    """

    version: str
    trainings: tuple[SweptTraining, ...]
    comparison: Comparison | None
    remark: str = ""

    @property
    def failure(self) -> str:
        """Names and errors of the trainings that failed; empty where none did."""
        return failure({one.name: one.error for one in self.trainings if one.error}, len(self.trainings))

    def table(self) -> Tables:
        """The comparison; without one, a row for each training."""
        if self.comparison is not None:
            return self.comparison.table()
        rows = [(one.name, "failed" if one.accuracy is None else percent(one.accuracy)) for one in self.trainings]
        columns = Column("training", style="cyan", fold=True), Column("test accuracy", "right")
        return Tables((Table(columns, rows, "Trainings", [self.remark]),))

    def figure(self) -> Figure:
        """Accuracy of each method and difference of each to the baseline.

        Raises:
            ColliculusError: the trainings were not compared.
        """
        if self.comparison is None:
            raise ColliculusError(f"there is nothing to draw: {self.remark}")
        return self.comparison.figure()


def sweep(
    presets: Sequence[str],
    *,
    seeds: int | Sequence[int] = 5,
    settings: Mapping[str, Values] | None = None,
    overrides: Mapping[str, Any] | None = None,
    out: Path | str = "runs/sweep",
    jobs: int = 1,
    baseline: str | None = None,
    over: Sequence[str] = (),
    launcher: Launcher = Local(),
) -> Sweep:
    """Train each preset with each seed and each combination of settings, then compare the methods.

    Every training is one `colliculus train` command with a folder of its own in `out` and its output in a log beside
    it. Finished trainings are skipped and stopped ones are resumed, so the same call finishes a sweep that was stopped.
    A training that fails does not stop the others; `failure` of the record names it.

    Args:
        presets: names of presets.
        seeds: number of trainings of each variant, with seeds from 0, or the seeds themselves.
        settings: values of settings by dotted name, such as `{"method.alpha": [0.25, 0.5]}`; a preset without a setting
            is trained without it. A mapping instead of a list gives each value a name for the run folders.
        overrides: settings of every training by dotted name, such as `{"train.epochs": 5}`.
        out: folder of the run folders.
        jobs: number of simultaneous trainings, each on one thread; on a cluster also of those that wait for a machine.
        baseline: method that the others are compared with, by preset or full name; None: the first one.
        over: settings that may differ within a method, such as "data.fold".
        launcher: where the trainings run: `Local()`, `Ray(...)` or `Slurm(...)` of `colliculus.launchers`.

    Raises:
        ColliculusError: a name is unknown, a value is wrong, a folder holds another run, the data are absent, or the
            cluster cannot be reached.
        SweepInterrupted: Ctrl-C, SIGTERM or SIGHUP; every running training has kept its last epoch.

    Example:
        >>> import tempfile
        >>> small = {"data.num_classes": 2, "data.num_train": 8, "data.num_validation": 4, "data.num_test": 6,
        ...          "data.size": 16, "method.dim": 8, "train.epochs": 1, "train.device": "cpu"}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = sweep(["late-fusion-synthetic"], seeds=1, overrides=small, out=folder)
        >>> [(training.name, training.error) for training in found.trainings], found.comparison.num_clips
        ([('late-fusion-synthetic_seed0', None)], 6)
    """
    todo = plan_sweep(
        presets, seeds=seeds, settings=settings, overrides=overrides, out=out, baseline=baseline, over=over
    )
    failed = train_all(todo, jobs, launcher)
    comparison, remark = None, "every training failed"
    if folders := [job.folder for job in todo if job not in failed]:
        try:
            comparison, remark = compare(folders, baseline=baseline, over=over), ""
        except ColliculusError as error:
            remark = f"the trainings are finished but cannot be compared: {error}"
    return Sweep(
        version=package_version(),
        trainings=tuple(SweptTraining.of(job, failed.get(job)) for job in todo),
        comparison=comparison,
        remark=remark,
    )


def train_all(jobs: Sequence[Job], at_once: int, launcher: Launcher = Local()) -> dict[Job, str]:
    """Run the jobs that are not finished and show their progress.

    Args:
        jobs: all jobs, finished or not.
        at_once: number of simultaneous trainings.
        launcher: where they run.

    Returns:
        The error of each failed job, and its log.

    Raises:
        SweepInterrupted: Ctrl-C, SIGTERM or SIGHUP; every running training has kept its last epoch.
        ColliculusError: the data are absent, or `at_once` is below 1.
    """
    if at_once < 1:
        raise ColliculusError(f"jobs is {at_once}: give at least 1")
    left = [job for job in jobs if not job.is_done]
    try:
        with signals_as_interrupt():
            for data in {repr(job.experiment.data): job.experiment.data for job in left}.values():
                data.load()  # downloaded or found absent once, and not by all trainings at the same time
            with JobBoard(len(jobs), len(jobs) - len(left), ended) as board:
                failed = run_jobs(left, at_once, board.watch, launcher)
    except KeyboardInterrupt as interrupt:
        done = sum(job.is_done for job in jobs)
        raise SweepInterrupted(
            f"interrupted: {done} of {len(jobs)} trainings are finished, the same command continues with the others"
        ) from interrupt
    return {job: f"{error}; see {job.log}" for job, error in failed.items()}


def failure(errors: Mapping[str, str], total: int) -> str:
    """One sentence about failed trainings; empty where none failed.

    Example:
        >>> failure({"a_seed0": "no output; see a_seed0.log"}, total=2)
        '1 of 2 trainings failed: a_seed0 (no output; see a_seed0.log)'
    """
    named = "; ".join(f"{name} ({error})" for name, error in errors.items())
    return f"{len(errors)} of {total} trainings failed: {named}" if errors else ""
