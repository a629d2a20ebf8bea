"""One training from its first or resumed epoch to its end: the loop. It knows no paper."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console

from colliculus.data.dataset import Dataset
from colliculus.data.loading import num_batches
from colliculus.model import MultimodalSNN
from colliculus.runs.history import write_metrics
from colliculus.runs.result import PartDecision, TrainingResult, kept_epoch
from colliculus.runs.run import Run, write_run
from colliculus.runtime import Runtime
from colliculus.training.callbacks import Callback, StageName, StepProgress, Training
from colliculus.training.checkpoint import (
    State,
    alone,
    check_agreement,
    keep_best,
    open_folder,
    read_state,
    settle_best,
    write_state,
)
from colliculus.training.decisions import apply_decisions, leave_out
from colliculus.training.health import report_start
from colliculus.training.input_lines import input_lines
from colliculus.training.interrupt import TrainingInterrupted, signals_as_interrupt
from colliculus.training.learner import Learner
from colliculus.training.loggers import TensorBoard
from colliculus.training.logging import ShownProgress
from colliculus.training.step import EpochSums
from colliculus.types import ColliculusError, printable

FoundT = TypeVar("FoundT")


@dataclass(frozen=True, kw_only=True)
class Session:
    """Common ground of the trainings of one call of `fit`.

    Args:
        runtime: device and processes.
        resume: go on from the state in a folder.
        callbacks: the user's.
        console: console to print on.
    """

    runtime: Runtime
    resume: bool
    callbacks: Sequence[Callback]
    console: Console

    @contextmanager
    def opened(self, folder: Path, run: Run) -> Generator[State | None]:
        """Hold `folder` for the training of `run`, and give the state to go on from."""
        with alone(folder, self.runtime):
            state = open_folder(folder, run, world_size=self.runtime.world_size, resume=self.resume)
            check_agreement(folder, state, self.runtime)  # also: no rank writes before every rank has read
            yield state


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One training in one folder; a refit has two.

    Args:
        folder: run folder.
        run: what is trained.
        dataset: its data.
        state: state to go on from, if any.
        name: "" where it is the only training.
        epochs: epochs to train; None: all of the settings. The schedule is that of all in any case.
        decisions: decisions on optional parts of the model, which hold from the start; None: there are none yet.
    """

    folder: Path
    run: Run
    dataset: Dataset
    state: State | None
    name: StageName = ""
    epochs: int | None = None
    decisions: tuple[PartDecision, ...] | None = None

    @property
    def num_epochs(self) -> int:
        """Epochs to train."""
        return self.run.experiment.train.epochs if self.epochs is None else self.epochs

    def train(self, session: Session, finish: Callable[[Learner], FoundT]) -> FoundT:
        """Train the epochs that are left, then return what `finish` makes of the learner.

        Raises:
            ColliculusError: the state holds more epochs than are to be trained, as that of a refit may which an earlier
                version began.
        """
        if self.state is not None and (done := len(self.state.history)) > self.num_epochs:
            raise ColliculusError(
                f"{self.folder} holds {done} epochs of a refit by an earlier version, and the first training kept"
                f" epoch {self.num_epochs}, with which the refit ends: train again with another --out"
            )
        counts = np.bincount(self.dataset.train.labels, minlength=self.run.spec.num_classes)
        learner = Learner(self.run, session.runtime, self.state, counts.tolist())
        models = (learner.model, *([] if learner.average is None else [learner.average]))
        left_out = self._decide(models)
        with _interruptible(self):
            if session.runtime.is_main and self.state is None:
                write_run(self.folder, self.run)
                for line in input_lines(learner.model, self.dataset.sources) if self.name != "refit" else ():
                    session.console.print(printable(line), soft_wrap=True)
                for decision in left_out:
                    session.console.print(f"{decision.name} is {decision}", soft_wrap=True)
                report_start(self.folder, learner, self.dataset.train, session.console)
                for remark in learner.remarks:
                    session.console.print(f"warning: {remark}", soft_wrap=True)
            if session.runtime.is_main and self.state is not None:
                settle_best(self.folder, self.state.best)
            return _train(self, learner, session, finish)

    def _decide(self, models: Sequence[MultimodalSNN]) -> tuple[PartDecision, ...]:
        """Apply earlier decisions on optional parts; those made now, as nothing can show later that a part helps.

        A training that has begun goes on with the parts that it has: an earlier version decided at the end.
        """
        if self.decisions is not None:
            apply_decisions(self.decisions, models)
        elif self.state is None and not len(self.dataset.validation):
            return leave_out(models)
        return ()


def _train(stage: Stage, learner: Learner, session: Session, finish: Callable[[Learner], FoundT]) -> FoundT:
    settings, dataset = learner.settings, stage.dataset
    batches = num_batches(
        len(dataset.train),
        batch_size=settings.batch_size,
        drop_incomplete=settings.drop_incomplete,
        world_size=session.runtime.world_size,
    )
    done = len(learner.history)
    training = Training(
        folder=stage.folder,
        learner=learner,
        num_batches=batches,
        first_epoch=done,
        num_epochs=stage.num_epochs,
        stage=stage.name,
    )
    every = [ShownProgress(session.console), TensorBoard(session.console), *session.callbacks]

    def watch(epoch: int, sums: EpochSums, seconds: float) -> None:
        for callback in every:
            callback.on_step(training, StepProgress(epoch + 1, sums, seconds))

    result: TrainingResult | None = None
    try:
        for callback in every:
            callback.on_start(training)
        for epoch in range(done, stage.num_epochs):
            row = learner.train_epoch(dataset.train, epoch, watch)
            row |= learner.validate(dataset.validation)
            if settings.test_each_epoch:
                row["test_accuracy"] = learner.evaluate(dataset.test).accuracy
            learner.history.append(row)
            if session.runtime.is_main:
                _save(stage.folder, learner)
            for callback in every:
                callback.on_epoch(training, row)
        found = finish(learner)
        result = found if isinstance(found, TrainingResult) else None
    finally:
        for callback in every:
            callback.on_end(training, result)
    return found


def _save(folder: Path, learner: Learner) -> None:
    """Save an epoch so that a kill at any moment loses at most this epoch.

    The epoch counts once its state is written, and by then its model must be there, without replacing that of the
    state before. Files derived from the state come last: a resumed run writes them again.
    """
    if kept_epoch(learner.history, learner.settings.select) == len(learner.history):
        learner.best = keep_best(folder, learner.judged)
    write_state(folder, learner.state())
    settle_best(folder, learner.best)
    write_metrics(folder, learner.history)


@contextmanager
def _interruptible(stage: Stage) -> Generator[None]:
    """Let SIGTERM and SIGHUP end a training as Ctrl-C does, and say how to go on."""
    try:
        with signals_as_interrupt():
            yield
    except KeyboardInterrupt as interrupt:
        kept = read_state(stage.folder)
        which = f" of the training {stage.name!r}" if stage.name else ""
        raise TrainingInterrupted(
            f"interrupted: {stage.folder} holds {len(kept.history) if kept else 0} of {stage.num_epochs} epochs"
            f"{which}, add --resume to the same command to go on"
        ) from interrupt
