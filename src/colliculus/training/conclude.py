"""The end of a training: the kept epoch is validated and tested once, and the result is written."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from colliculus.data.dataset import Dataset
from colliculus.evaluation.trained_run import stored_part
from colliculus.files.documents import package_version
from colliculus.records import Record, Table
from colliculus.records.console import accuracy
from colliculus.runs.coordination import Coordination, coordination_of
from colliculus.runs.experiment import method_name
from colliculus.runs.history import write_metrics
from colliculus.runs.kept_predictions import Condition, write_predictions
from colliculus.runs.metrics import Metrics
from colliculus.runs.names import MODEL_FILE, RESULT_FILE, SELECTION_FOLDER
from colliculus.runs.result import (
    REFIT,
    SELECTIONS,
    PartDecision,
    TrainingResult,
    best_on_test,
    is_validated,
    kept_epoch,
)
from colliculus.runs.weights import load_weights
from colliculus.training.checkpoint import replace_best
from colliculus.training.decisions import decide
from colliculus.training.health import report_end
from colliculus.training.learner import Learner
from colliculus.types import ColliculusError

CHOICE_FILE = "choice.json"


@dataclass(frozen=True, kw_only=True)
class Choice(Record):
    """The choices of a validated training, in `choice.json` of its folder.

    Args:
        epoch: number of the epoch whose weights were kept, from 1.
        selection: rule that chose it.
        validation: figures of this epoch on the validation part; None without one.
        decisions: optional parts of the model, kept or left out.
        coordination: when the modalities alone converge.
    """

    epoch: int
    selection: str
    validation: Metrics | None
    decisions: tuple[PartDecision, ...]
    coordination: Coordination | None = None

    def table(self) -> Table:
        """The choices and the accuracy on the validation part."""
        rows = {"epoch": f"{self.epoch}: {self.selection}", **{part.name: str(part) for part in self.decisions}}
        if (found := self.validation) is not None:
            rows["validation"] = accuracy(found.accuracy, found.interval, found.correct, found.total)
        return Table.facts("Choice", rows)


def choose(folder: Path, learner: Learner, dataset: Dataset, decided: tuple[PartDecision, ...] | None = None) -> Choice:
    """Validate the kept epoch and decide on optional parts; the run folder and the judged model hold the outcome.

    Args:
        folder: run folder.
        learner: model after its last epoch.
        dataset: data of this training.
        decided: decisions that were made before this training; None: they are made now.
    """
    learner.runtime.barrier()  # rank 0 has written the model
    load_weights(learner.judged, folder / MODEL_FILE)
    kept = learner.judged.left_out_parts()
    decisions = decide(learner, dataset.validation) if decided is None else decided
    if learner.judged.left_out_parts() != kept and learner.runtime.is_main:
        replace_best(folder, learner.judged)
    select = learner.settings.select if is_validated(learner.history) else "last"
    return Choice(
        epoch=kept_epoch(learner.history, select),
        selection=SELECTIONS[select],
        validation=learner.evaluate(dataset.validation) if len(dataset.validation) else None,
        decisions=decisions,
        coordination=coordination_of(learner.history, learner.model.modalities),
    )


def conclude_first(folder: Path, learner: Learner, *, dataset: Dataset, console: Console) -> Choice:
    """End the first training of a refit: choose and record, without a look at the test part."""
    choice = choose(folder, learner, dataset)
    if learner.runtime.is_main:
        report_end(folder, learner, learner.noisy(dataset.validation), console)
        write_metrics(folder, learner.history)
        choice.save(folder / CHOICE_FILE)
    return choice


def conclude(
    folder: Path, learner: Learner, *, dataset: Dataset, console: Console, first: Choice | None
) -> TrainingResult:
    """Test the weights of the kept epoch and write the result, which marks the run as finished.

    The run folder holds these weights. The test part of the data is used here and nowhere before, unless
    `train.test_each_epoch` is set. After a refit the chosen weights of the first training are tested, too.

    Args:
        folder: run folder.
        learner: model after its last epoch.
        dataset: data of this training.
        console: console to print on.
        first: choices of the first training, after a refit.
    """
    run, settings, runtime = learner.run, learner.settings, learner.runtime
    before = None if first is None else _tested_before(folder / SELECTION_FOLDER, learner, dataset)
    own = choose(folder, learner, dataset, None if first is None else first.decisions)
    tested = learner.classify(dataset.test)
    result = TrainingResult(
        preset=run.preset,
        method=method_name(run.experiment.method),
        dataset=run.experiment.data.name,
        protocol=run.protocol,
        fingerprint=run.fingerprint,
        seed=settings.seed,
        epochs=len(learner.history),
        best_epoch=own.epoch,
        selection=own.selection if first is None else REFIT + first.selection,
        parameters=sum(p.numel() for p in learner.judged.used_parameters().values()),
        validation=(first or own).validation,
        test=Metrics.of(tested),
        samples_per_second=learner.samples_per_second,
        world_size=runtime.world_size,
        device=runtime.device_name,
        versions={"colliculus": package_version(), "torch": torch.__version__, "python": platform.python_version()},
        decisions=own.decisions,
        start=str(run.start or ""),
        test_before_refit=before,
        best_on_test=best_on_test(learner.history),
        coordination=(first or own).coordination,
    )
    if runtime.is_main:
        write_predictions(folder, run, Condition.of(run), tested, dataset.samples.get("test", ()))
        measured = dataset.validation if len(dataset.validation) else stored_part(dataset, "train")
        report_end(folder, learner, learner.noisy(measured), console)
        write_metrics(folder, learner.history)
        result.save(folder / RESULT_FILE)
    return result


def _tested_before(selection: Path, learner: Learner, dataset: Dataset) -> Metrics:
    """Figures on the test part of the weights that the first training chose; the judged model holds them now."""
    load_weights(learner.judged, selection / MODEL_FILE)
    return learner.evaluate(dataset.test)


def read_choice(folder: Path) -> Choice | None:
    """The choices of a finished first training; None where it is not finished or the file is damaged."""
    try:
        return Choice.read(folder / CHOICE_FILE)
    except ColliculusError:
        return None
