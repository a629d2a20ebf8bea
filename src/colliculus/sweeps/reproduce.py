"""Train the rows of a paper's table, several at once, and test them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from colliculus.evaluation.evaluate import predictions_of
from colliculus.evaluation.groups import check_comparable, open_finished
from colliculus.evaluation.paired import Trainings
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.presets import PRESETS
from colliculus.records import console
from colliculus.runs.kept_predictions import Condition
from colliculus.sweeps.jobs import Job
from colliculus.sweeps.plan import Variant, plan_variants, variants
from colliculus.sweeps.published import PublishedTable, Row
from colliculus.sweeps.published_tables import TABLES
from colliculus.sweeps.reproduction import Reproduction, reproduction
from colliculus.sweeps.sweep import failure, train_all
from colliculus.types import unknown_name


def reproduce(
    table: str,
    *,
    data: str = "synthetic",
    ours: bool = False,
    seeds: int | Sequence[int] = 3,
    overrides: Mapping[str, Any] | None = None,
    out: Path | str = "runs/reproduce",
    jobs: int = 1,
    device: str = "auto",
) -> Reproduction:
    """Train the rows of a paper's table and put our accuracies beside the published ones.

    The rows are trained as by `sweep`: several at once, and the same call resumes what was stopped. On data that the
    paper did not use it is a scaled version, whose rows compare with each other only. Trainings are also tested after
    every epoch, because most papers print the best of these accuracies; ours stands beside it under that name.

    Args:
        table: name of the table, such as "s-cmrl/alpha"; `colliculus.sweeps.published_tables.TABLES` has all.
        data: dataset, by its name in the presets.
        ours: train our own arithmetic instead of that of the reference program.
        seeds: number of trainings of each row, with seeds from 0, or the seeds themselves.
        overrides: settings of every training by dotted name.
        out: folder of the run folders.
        jobs: number of simultaneous trainings, each on one thread.
        device: device for the tests under noise, such as "cuda:0".

    Raises:
        ColliculusError: a name is unknown, a value is wrong, a folder holds another run, or the data are absent.
        SweepInterrupted: Ctrl-C, SIGTERM or SIGHUP; every running training has kept its last epoch.

    Example:
        >>> import tempfile
        >>> small = {"data.num_classes": 2, "data.num_train": 8, "data.num_validation": 4, "data.num_test": 6,
        ...          "data.size": 16, "method.dim": 16, "train.epochs": 1, "train.device": "cpu"}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = reproduce("s-cmrl/noise", seeds=1, overrides=small, out=folder, jobs=2)
        >>> found.against, found.scaled, found.failure
        ('S-CMRL, clean', True, '')
        >>> [row.title for row in found.rows if row.distance][:2]
        ['S-CMRL, 30 dB', 'S-CMRL, 20 dB']
    """
    chosen = row_variants(table, data, ours=ours, overrides=overrides)
    todo = plan_variants(list(chosen.values()), seeds, out)
    failed = train_all(todo, jobs)
    runs = {job: open_finished(job.folder, device) for job in todo if job not in failed}
    correct = _correctness(TABLES[table], chosen, runs)
    check_comparable({run.folder: run.run for run in runs.values()})
    return reproduction(
        table,
        data,
        chosen,
        correct,
        _best_on_test(TABLES[table], chosen, runs),
        next(iter(runs.values()), None),
        failure({job.folder.name: error for job, error in failed.items()}, len(todo)),
    )


def plan_reproduction(
    table: str,
    *,
    data: str = "synthetic",
    ours: bool = False,
    seeds: int | Sequence[int] = 3,
    overrides: Mapping[str, Any] | None = None,
    out: Path | str = "runs/reproduce",
) -> list[Job]:
    """The trainings of a reproduction, checked before anything is trained; arguments are those of `reproduce`.

    Example:
        >>> len(plan_reproduction("s-cmrl/noise", seeds=2))  # five methods: the noise is added in the test
        10
    """
    chosen = row_variants(table, data, ours=ours, overrides=overrides)
    return plan_variants(list(chosen.values()), seeds, out)


def row_presets(table: str, data: str, *, ours: bool = False) -> tuple[str, ...]:
    """Preset of each row: the arithmetic of the reference program where it exists, unless ours is asked for.

    Raises:
        ColliculusError: there is no such table.

    Example:
        >>> row_presets("taaf/table-1", "av-digits")
        ('taaf-av-digits', 'taaf-av-digits', 'late-fusion-concat-av-digits')
    """
    if table not in TABLES:
        raise unknown_name("table", table, TABLES)
    own = [f"{row.method}-{data}" for row in TABLES[table].rows]
    reference = [f"{row.method}-reference-{data}" for row in TABLES[table].rows]
    return tuple(a if ours or b not in PRESETS else b for a, b in zip(own, reference, strict=True))


def row_variants(
    table: str, data: str, *, ours: bool = False, overrides: Mapping[str, Any] | None = None
) -> dict[str, Variant]:
    """Variant of each row by title; rows that differ in the test alone share their trainings.

    Arguments and errors are those of `reproduce`.

    Example:
        >>> row_variants("s-cmrl/balance", "av-digits")["PMR"].experiment.train.epochs
        150
    """
    presets, found = row_presets(table, data, ours=ours), TABLES[table]
    each = {"train.test_each_epoch": True}
    planned: dict[str, Variant] = {}
    for row, name in zip(found.rows, presets, strict=True):
        settings = {key: [value] for key, value in row.settings.items()}
        (variant,) = variants([name], settings, {**found.base, **row.base, **each, **(overrides or {})})
        planned[row.title] = replace(variant, name=f"{variant.name}_{row.suffix}") if row.suffix else variant
    return planned


def _best_on_test(
    table: PublishedTable, variants: Mapping[str, Variant], runs: Mapping[Job, TrainedRun]
) -> dict[str, tuple[float, ...]]:
    """Accuracy of the best epoch on the test part for each row and training; empty where it is not measured.

    The epochs were tested under the noise of the training, and count for rows that are tested so, too.
    """
    return {
        row.title: tuple(
            best.accuracy
            for job, run in runs.items()
            if variants[row.title].trained_by(job)
            and _condition(table, row, run) == Condition.of(run.run)
            and (best := run.result.best_on_test) is not None
        )
        for row in table.rows
    }


def _condition(table: PublishedTable, row: Row, run: TrainedRun) -> Condition:
    """The noise that a row is tested under: in a table about noise its own or none, else that of the training."""
    return Condition(row.snr_db, snr_of=row.snr_of) if table.is_about_noise else Condition.of(run.run)


def _correctness(
    table: PublishedTable, variants: Mapping[str, Variant], runs: Mapping[Job, TrainedRun]
) -> dict[str, Trainings]:
    """Correctness of each row's trainings under its noise."""
    found: dict[str, Trainings] = {}
    for row in console.steps(table.rows, "test"):
        found[row.title] = {
            ("", int(run.experiment.train.seed)): predictions_of(run, _condition(table, row, run)).correct
            for job, run in runs.items()
            if variants[row.title].trained_by(job)
        }
    return found
